"""A trained model on disk: encoders, weights, recipe and card; load it and predict from raw rows.

A bundle is a folder: bundle.json (what the network is, its encoders, its scores),
weights.safetensors, card.md and card.json (the same for people and for programs), and manifest.json
with a hash of each. Nothing in it is ever executed, and the training data aren't needed. The model
is one network, or several whose predictions are averaged; they share their encoders.
"""

from methodic.bundle.card import Card as Card
from methodic.bundle.card import Part as Part
from methodic.bundle.model import Bundle as Bundle
from methodic.bundle.model import Trained as Trained
from methodic.bundle.model import inputs_of as inputs_of
from methodic.bundle.model import module_outputs as module_outputs
from methodic.bundle.model import outputs_of as outputs_of
from methodic.bundle.storage import load as load
from methodic.bundle.storage import save as save
