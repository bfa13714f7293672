"""The mesh model `crm`: CRM (Wang et al. 2024), an unmodified checkout of it in an environment of its own."""

from wheatstone.models.crm.about import CRM

__all__ = ["CRM"]
