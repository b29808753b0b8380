"""Embed the outputs of notebooks in Markdown pages.

Notebooks run once, before any page is rendered; rendering only looks their outputs up. The parts:

``options``             all that a site may set, each with its type and what it means
``prepare``             does all of what follows up to a library of outputs, for any builder
``notebook``            reads a notebook and the labels of its cells
``imports``             finds the project's own modules that a notebook depends on
``environment``         finds the pinned distributions that it depends on
``cache``               keeps executed notebooks, each under a key made of all of these
``files``               writes files whole
``execution``           runs notebooks in kernels, several at a time
``outputs``             turns a cell's outputs into HTML and files
``library``             looks a reference such as ``../notebooks/x.py#label`` up
``markdown_extension``  the syntax ``![alt](../notebooks/x.py#label "caption")``
``page_html``           what such an embed becomes in a page
``builder``             asks MkDocs for the page under conversion, and nobody else does
``source_lines``        knows in which line of a page each piece stands
``mkdocs_plugin``       adapts both to MkDocs
``publish``             builds a site aside and swaps it in whole
"""
