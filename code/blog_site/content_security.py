"""The Content-Security-Policy of the published site: its own address, or nothing.

The site has one inline script, the same in every page, and the policy names its hash; there is no
'unsafe-inline' for scripts. Styles are another matter: KaTeX and plotly place what they draw with
style attributes.

Each page carries the policy in a meta element, so that it holds on any host and from the disk.
Hosts that read a `_headers` file (Netlify, Cloudflare Pages) send it as a header as well, with what
only a header can say.
"""

import base64
import hashlib

__all__ = ["headers", "policy"]


def policy(script: str) -> str:
    """Give the policy of pages whose one inline script is `script`, to the byte."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
        ]
    )


def headers(script: str) -> str:
    """Give the content of `_headers` for pages whose one inline script is `script`."""
    return f"""\
/*
  Content-Security-Policy: {policy(script)}; frame-ancestors 'self'
  X-Content-Type-Options: nosniff
  Referrer-Policy: strict-origin-when-cross-origin
"""
