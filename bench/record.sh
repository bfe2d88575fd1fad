#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What one record costs to encode, decode and print.
cd "$(dirname "$0")/.." || exit 2
make -s tools && build/tool/record_speed
