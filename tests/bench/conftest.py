"""The scripts here are run by hand (`python tests/bench/NAME.py`); pytest collects none of them."""

collect_ignore_glob = ["*.py"]
