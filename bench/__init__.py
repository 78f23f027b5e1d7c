"""The bench: what the product does at size, measured beside what else could do it, on the same data in the same run.

Each workload of `p*.py` is one module with a `WORKLOAD`; `__main__.py` lists them. Nothing here is part of the product.
"""
