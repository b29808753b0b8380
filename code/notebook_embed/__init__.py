"""Embed the outputs of notebooks in Markdown pages.

Notebooks run once, before any page is rendered; rendering only looks their outputs up. The parts:

``options``             all that a site may set, each with its type and what it means
``prepare``             does all of what follows up to a library of outputs, for any builder
``notebook``            reads a notebook and the labels of its cells
``cell_options``        reads what a cell says of itself: options and tags
``published``           finds which notebooks only drafts use
``order``               puts who writes a file before those that read it
``kernels``             knows what a kernel starts with
``imports``             finds the project's own modules that a notebook depends on
``environment``         finds the pinned distributions that it depends on
``cache``               keeps executed notebooks, each under a key made of all of these
``kept_keys``           keeps those keys from build to build
``remembered``          keeps from build to build what else always comes out the same
``kept_json``           is the file that either keeps it in
``latest``              keeps what was made of the latest states of a notebook, for a server
``files``               writes files whole
``execution``           runs notebooks in kernels, several at a time
``runner``              decides what runs, and what the cache or the file already has
``shown_cells``         leaves out what a cell hides
``outputs``             turns a cell's outputs into HTML and files
``library``             looks a reference such as ``../notebooks/x.py#label`` up
``markdown_extension``  the syntax ``![alt](../notebooks/x.py#label "caption")``
``page_html``           what such an embed becomes in a page
``builder``             asks MkDocs for the page under conversion, and nobody else does
``source_lines``        knows in which line of a page each piece stands
``mkdocs_plugin``       adapts both to MkDocs
``addresses``           lets no file of the site take another's place
``feeds``               gives feeds what pages show
``publish``             builds a site aside and swaps it in whole
"""
