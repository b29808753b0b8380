"""Data, models, training and figures behind the blog *Shapes of Attention*."""
