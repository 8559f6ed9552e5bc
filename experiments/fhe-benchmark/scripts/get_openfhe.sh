#!/usr/bin/env bash
# The harness calls this before every run. This submission needs no OpenFHE and downloads nothing.
