"""The gateway: the product over HTTP, for other programs and for people's consoles.

Routes are thin: they read what was asked, call what the other rooms hold, and word the answer. No rule and no SQL here.
"""
