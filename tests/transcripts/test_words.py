"""Words in names: found as if each was looked for in each."""

from hypothesis import given
from hypothesis import strategies as some

from rpcbackend.transcripts.words import Words

TEXT = some.text("abc ", max_size=8)
STEPS = some.lists(some.tuples(some.sampled_from(["name", "word"]), TEXT), max_size=30)


@given(STEPS)
def test_every_word_is_found_in_every_name_that_holds_it_and_in_no_other(
    steps: list[tuple[str, str]],
) -> None:
    words, names, marks = Words(), dict[str, str](), dict[str, str]()
    found: set[tuple[str, str]] = set()
    for kind, text in steps:
        if kind == "word" and text:
            mark, in_names = words.mark(text)
            marks[text] = mark
            found |= {(mark, name) for name in in_names}
        elif kind == "name":
            name = f"name {len(names)}"
            names[name] = text
            found |= {(mark, name) for mark in words.add(name, text)}

    assert len(set(marks.values())) == len(marks)
    assert found == {
        (mark, name)
        for word, mark in marks.items()
        for name, folded in names.items()
        if word in folded
    }
