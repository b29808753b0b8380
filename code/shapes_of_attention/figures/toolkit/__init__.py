"""How the posts' pictures are drawn. Nothing here knows which picture it serves.

`figure` and `view` are what a cell returns; `draw` places things on a matplotlib figure, `diagram`
draws boxes and arrows, `plot` is for plotly, `table` for HTML; `pixels`, `glyphs` and `series_line`
show images, their shapes and series.
"""
