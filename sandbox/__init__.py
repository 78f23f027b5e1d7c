"""A Mono that runs here: invented, seeded, labelled bank lines behind Mono's own HTTP shapes.

Holds a server to develop and test against. Must not hold anything the product imports, and imports nothing of the
product. The true labels and the invoices that the credits pay are kept apart from everything that is served.
"""
