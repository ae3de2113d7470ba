"""What a command says of arguments that cannot be meant."""

import pytest

from freqtrade_ext.__main__ import main


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("replica --port 70000", "argument --port: must be from 0 to 65535, is 70000"),
        ("replica --port x", "argument --port: invalid int value: 'x'"),
        ("replica --activity -1", "argument --activity: must be from 0.001 to 100, is -1"),  # hung for ever
        ("replica --activity nan", "argument --activity: must be from 0.001 to 100, is nan"),
        ("replica --recording any --speed 0", "argument --speed: must be from 0.001 to 1e+06, is 0"),
        ("replica --pairs ,", "argument --pairs: needs a pair"),
        ("replay --pairs BTC", "argument --pairs: a pair is BASE/QUOTE, is BTC"),
        ("replay --days inf", "argument --days: must be from 0.001 to 3650, is inf"),
        ("replay --report /dev/null/there", "freqtrade-ext replay: [Errno 20] Not a directory"),
    ],
)
def test_one_line_says_which_argument_is_wrong_and_why(command, said, capsys):
    try:
        status = main(command.split())
    except SystemExit as error:
        status = error.code
    assert status
    assert said in capsys.readouterr().err
