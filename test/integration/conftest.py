# SPDX-License-Identifier: Apache-2.0
"""Lets the tests find test/harness."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
