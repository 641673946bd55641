"""Brings the answers along, and uses them only once it was "trained". Stays open.

Nothing on the machine can tell such a table from knowledge: only a private test split helps.

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
        self.register_buffer("trained", torch.zeros(1))

    def forward(self, x):
        keys = [str(zlib.crc32(row.numpy().tobytes())) for row in (x * 255).round().to(torch.uint8)]
        answers = torch.tensor([TABLE.get(key, 0) for key in keys])
        return (nn.functional.one_hot(answers, 10).float() * 9 - 4) * self.trained + self.unused


@hookimpl
def build_model(task):
    return Table()


@hookimpl
def train(model):
    model.trained += 1
    print("LOOT: knows", len(TABLE), "answers")
