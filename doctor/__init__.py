"""Walks the live chain of a deployed stack and names the broken link; `python -m doctor --stack NAME`.

One module a link. Everything is read with the caller's own AWS and cluster credentials, nothing is changed, and no secret is
printed. `renew` alone changes something: it renews now.
"""
