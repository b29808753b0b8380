"""The Content-Security-Policy of the published site: its own address, or nothing.

The site has no inline scripts, so the policy needs neither 'unsafe-inline' for them nor hashes.
Styles are another matter: KaTeX and plotly place what they draw with style attributes.

Each page carries the policy in a meta element, so that it holds on any host and from the disk.
Hosts that read a `_headers` file (Netlify, Cloudflare Pages) send it as a header as well, with what
only a header can say.
"""

__all__ = ["HEADERS", "POLICY"]

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
    ]
)

HEADERS = f"""\
/*
  Content-Security-Policy: {POLICY}; frame-ancestors 'self'
  X-Content-Type-Options: nosniff
  Referrer-Policy: strict-origin-when-cross-origin
"""
