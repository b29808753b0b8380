"""What this blog adds to MkDocs Material besides embedding notebooks.

Mathematics set at build time, series of posts, citations, social preview images, and a footer that
says what built the page.
"""
