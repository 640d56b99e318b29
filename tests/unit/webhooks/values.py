"""Values as JSON has them, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["🎉 ok", "\x1b[0m", "é\u2028", "1"]
)
numbers = st.integers(-(10**18), 10**18) | st.decimals(-(10**9), 10**9, places=2, allow_nan=False)
scalars = st.none() | st.booleans() | texts | numbers
names = st.text(st.sampled_from("abcXYZ_019 -é"), min_size=1, max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(names, values, max_size=5)
