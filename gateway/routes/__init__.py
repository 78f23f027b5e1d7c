"""The routes, one module a subject. Every one but those of webhooks and health names the role that it asks for."""
