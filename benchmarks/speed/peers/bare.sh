#!/bin/bash
# Six processes, one after the other: bare.sh PYTHON FOLDER
set -e
cd "$(dirname "$0")"
before=-
for step in split train transform evaluate compare register; do
  "$1" work.py "$step" "$before" "$2/$step.json"
  before=$2/$step.json
done
cp "$before" "$2/answer"
