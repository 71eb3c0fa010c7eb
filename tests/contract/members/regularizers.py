"""Rows of the member battery: regularizers. Name → (model, stage)."""

from __future__ import annotations

from typing import Any

ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
