"""Lists as every route answers them: `{"data": [...], "meta": {...}}`, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request

MOST_ROWS = 500
_HIGHEST_PAGE = 1_000_000


@dataclass(frozen=True)
class Paging:
    """Which page of a list is asked for, and at what address."""

    page: int
    size: int
    address: str

    @property
    def offset(self) -> int:
        """How many rows stand on the pages before."""
        return (self.page - 1) * self.size

    def listing(self, rows: Sequence[Any], total: int) -> dict[str, Any]:
        """Word the page, with the addresses of the one before and the one after."""
        pages = max(-(-total // self.size), 1)
        return {
            "data": list(rows),
            "meta": {
                "total": total,
                "page": self.page,
                "pageSize": self.size,
                "pages": pages,
                "previous": self._at(self.page - 1) if 1 < self.page <= pages + 1 else None,
                "next": self._at(self.page + 1) if self.page < pages else None,
            },
        }

    def _at(self, page: int) -> str:
        return self.address.replace("page=0", f"page={page}", 1)


async def _paging(
    request: Request,
    page: Annotated[int, Query(ge=1, le=_HIGHEST_PAGE, description="Which page, from 1.")] = 1,
    page_size: Annotated[
        int, Query(alias="pageSize", ge=1, le=MOST_ROWS, description="How many rows a page has.")
    ] = 50,
) -> Paging:
    others = request.url.remove_query_params("page")
    query = f"?page=0&{others.query}" if others.query else "?page=0"
    return Paging(page, page_size, f"{others.path}{query}")


Paged = Annotated[Paging, Depends(_paging)]
