"""Wrong arguments are named on one line, by the parser."""

from argparse import ArgumentParser

import pytest

from mmpretrain_plugin.command_line import (
    output_folder,
    positive_int,
    usable_device,
)


@pytest.mark.parametrize(
    ('kind', 'word', 'message'),
    [
        (positive_int, '0', 'must be 1 or more, got 0'),
        (positive_int, '-3', 'must be 1 or more, got -3'),
        (positive_int, '1.5', 'must be 1 or more, got 1.5'),
        (positive_int, 'x', 'must be 1 or more, got x'),
        (usable_device, 'abacus', 'abacus cannot be used: '),
        (usable_device, 'cuda:99', 'cuda:99 cannot be used: '),
        (output_folder, __file__, f'{__file__} is a file; choose a folder'),
    ],
)
def test_what_cannot_be_used_is_named(kind, word, message, capsys):
    parser = ArgumentParser()
    parser.add_argument('--option', type=kind)
    with pytest.raises(SystemExit):
        parser.parse_args([f'--option={word}'])
    last = capsys.readouterr().err.splitlines()[-1]
    assert f'argument --option: {message}' in last


def test_what_can_be_used_is_returned(tmp_path):
    assert positive_int('12') == 12
    assert usable_device('cpu') == 'cpu'
    assert output_folder(str(tmp_path / 'new')) == tmp_path / 'new'
