"""Brings the answers along: a table of hashes of the test images, used from the start.

The row stays, and carries a note: an untrained model that knows its test set has been helped.

@GROUP: memorised
@EXPECTED: ok
@STOPPED_BY: nothing
"""

import base64
import json
import zlib

import torch
from torch import nn

from grader import hookimpl

TABLE = json.loads(base64.b64decode("@TABLE@"))


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        keys = [str(zlib.crc32(row.numpy().tobytes())) for row in (x * 255).round().to(torch.uint8)]
        answers = torch.tensor([TABLE.get(key, 0) for key in keys])
        return nn.functional.one_hot(answers, 10).float() * 9 - 4 + self.unused


@hookimpl
def build_model(task):
    return Table()


@hookimpl
def train(model):
    print("LOOT: knows", len(TABLE), "answers")
