"""The mutations can be applied, and the script reports what notices them."""

from pathlib import Path

import pytest

from tests.mutations.run import (
    Edit,
    Mutation,
    MutationError,
    Result,
    find_test,
    markdown,
    mutate,
    read_mutations,
)

ROOT = Path(__file__).resolve().parents[1]
MUTATIONS = read_mutations()


def test_there_are_enough_mutations():
    assert len(MUTATIONS) >= 25


@pytest.mark.parametrize('mutation', MUTATIONS, ids=lambda m: m.name)
def test_it_can_be_applied(mutation):
    """If this fails, adapt the text in ``mutations.yml`` to the new code."""
    for path, text in mutate(mutation, ROOT).items():
        assert text != path.read_text()


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('a', 'b', "'a' must occur once in code.py .* it occurs 2 times"),
        ('c', 'd', "'c' must occur once in code.py .* it occurs 0 times"),
        ('1', '1', "'1' must occur once in code.py and be changed"),
        ('1', '(', 'was never closed'),
    ],
)
def test_a_wrong_mutation_is_an_error(tmp_path, old, new, message):
    (tmp_path / 'code.py').write_text('a = a + 1\n')
    mutation = Mutation('one', '', (Edit('code.py', old, new),), ())
    with pytest.raises(MutationError, match=message):
        mutate(mutation, tmp_path)


def test_edits_of_one_file_are_applied_together(tmp_path):
    (tmp_path / 'code.py').write_text('a = b\n')
    edits = Edit('code.py', 'a', 'c'), Edit('code.py', 'b', 'd')
    texts = mutate(Mutation('one', '', edits, ()), tmp_path)
    assert texts == {tmp_path / 'code.py': 'c = d\n'}


class FakePytest:
    """Fails with the given tests, unless they are skipped."""

    def __init__(self, **failing):
        self.failing = failing

    def first_failure(self, root, tests, skipped, *options):
        for name in self.failing[root.name]:
            is_run = 'tests' in tests or name.split('::')[0] in tests
            if (is_run or name in tests) and name not in skipped:
                return name
        return None


@pytest.mark.parametrize(
    ('failing', 'tier', 'wanted'),
    [
        (['a.py::x'], 'fast', ('a.py::x', 'likely')),
        (['broken.py::x', 'b.py::x'], 'fast', ('b.py::x', 'fast')),
        (['b.py::x'], 'likely', (None, 'likely')),
        (['broken.py::x'], 'all', (None, 'all')),
    ],
)
def test_only_a_test_that_passes_without_the_mutation_counts(
    failing, tier, wanted
):
    fake = FakePytest(clean=['broken.py::x'], changed=failing)
    mutation = Mutation('one', '', (), ('a.py',))
    found = find_test(mutation, Path('clean'), Path('changed'), tier, fake)
    assert found == wanted


def test_survivors_stand_out_in_the_table():
    text = markdown({
        'one': Result('first', [], 'a.py::x', 'likely', 1),
        'two': Result('second', [], None, 'fast', 2),
    })  # fmt: skip
    assert text.startswith('1 of 2 mutations caught.\n')
    assert '| one | first | `a.py::x` | 1 |' in text
    assert '| two | second | **survived** (fast tests) | 2 |' in text
