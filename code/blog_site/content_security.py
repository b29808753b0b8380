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

__all__ = ["WORKER", "headers", "policy", "worker_policy"]

#: The one file that may run WebAssembly.
WORKER = "assets/live/worker.js"


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


def worker_policy() -> str:
    """Give the policy of the live model's worker: its own modules and files, and WebAssembly.

    A worker that is a module follows the policy of its own response, and only that of a header. So
    no page needs to allow WebAssembly for it; where a host sends no such header, plain JavaScript
    does the work.
    """
    return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"


def headers(script: str) -> str:
    """Give the content of `_headers` for pages whose one inline script is `script`."""
    # "! Name" takes away what the rule for all has set; two policies would both have to allow it.
    return f"""\
/*
  Content-Security-Policy: {policy(script)}; frame-ancestors 'self'
  X-Content-Type-Options: nosniff
  Referrer-Policy: strict-origin-when-cross-origin

/{WORKER}
  ! Content-Security-Policy
  Content-Security-Policy: {worker_policy()}
"""
