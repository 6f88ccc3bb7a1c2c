"""``<!--<script>`` in a name stayed raw in the report's data block, where it swallows the rest of the page."""

import json

from pysed.report.filled import as_json


def test_no_tag_can_begin_and_no_line_end_in_the_data():
    names = ["<!--<script>", "</script>", "a\u2028b\u2029c", "é & '\""]
    text = as_json({"names": names})
    assert "<" not in text and text.isascii() and len(text.splitlines()) == 1
    assert json.loads(text) == {"names": names}
