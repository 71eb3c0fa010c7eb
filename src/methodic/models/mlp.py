"""Networks for tables: a linear model and a multilayer perceptron, with embedded categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from methodic.models.inputs import Inputs as Inputs
from methodic.models.network import TwoHalves, through
from methodic.models.parts.activations import activate, gain, pieces
from methodic.models.parts.front import Front
from methodic.models.parts.layers import Dropout, Layer, Linear, StochasticDepth
from methodic.models.parts.normalization import normalization as normalizing
from methodic.models.parts.numeric import NumericEmbedding
from methodic.types import Pass


class MLP(TwoHalves):
    """Embeddings, then ``depth`` × [linear → normalization → activation → dropout], then linear.

    ``depth=0`` is the linear model: softmax, logistic or linear regression.

    With ``residual``, what a layer's linear part returns is added to what the one before returned:
    z ← z + linear(dropout(activation(normalization(z)))), the pre-activation form.

    Args:
        inputs: what enters.
        outputs: C, classes or predicted numbers.
        width, depth: hidden units a layer, hidden layers.
        activation: one of `activations.ACTIVATIONS`, or "maxout" of two pieces.
        normalization: "none", "batch", "layer", "group" or "rms", in front of each activation.
        groups: of group norm.
        dropout: path of the Number that holds the rate; None for no dropout.
        initialization: of the hidden weights; one of `initialization.INITIALIZATIONS`.
        embedding: numbers that stand for one category.
        numeric: embeds numeric columns; None: they enter as they are.
        residual: add, as said above.
        dropconnect: path of the Number with the share of hidden weights that are dropped; None.
        stochastic_depth: path of the Number with the probability that the last of the residual
            branches is left out; it grows linearly from the first one on; None.

    Source: residual: He et al. 2016 (arXiv 1603.05027).

    Example:
        >>> mlp = MLP(Inputs(numeric=4), outputs=3, width=8, depth=1)
        >>> mlp.parameters()["hidden.0.weight"].shape
        (4, 8)
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        width: int = 128,
        depth: int = 2,
        activation: str = "relu",
        normalization: str = "none",
        groups: int = 8,
        dropout: str | None = None,
        initialization: str = "kaiming_normal",
        embedding: int = 8,
        numeric: NumericEmbedding | None = None,
        residual: bool = False,
        dropconnect: str | None = None,
        stochastic_depth: str | None = None,
    ) -> None:
        self.outputs = outputs
        self.activation = activation
        self.residual = residual
        self.front = Front(inputs, embedding=embedding, numeric=numeric)
        raw = self.front.plain  # the first weights' rows are the inputs themselves
        features, wide = self.front.features, width * pieces(activation)
        self.linears: list[Linear] = []
        self.norms: list[Layer | None] = []
        for i in range(depth):
            self.linears.append(
                Linear(
                    f"hidden.{i}",
                    features,
                    wide,
                    bias=normalization != "batch",
                    initialization=initialization,
                    gain=gain(activation),
                    first=raw and i == 0,
                    dropconnect=dropconnect,
                )
            )
            self.norms.append(normalizing(normalization, f"hidden.{i}.norm", wide, groups))
            features = width
        self.dropouts = [
            Dropout(f"dropout/{i}", width, dropout) if dropout else Layer() for i in range(depth)
        ]
        self.depths = [
            StochasticDepth(f"depth/{i}", stochastic_depth, i / (depth - 1))
            if stochastic_depth and i
            else Layer()
            for i in range(depth)
        ]
        self.features = features
        # The head starts without an activation behind it; a linear model starts where told.
        head = "xavier_uniform" if depth else initialization
        self.head = Linear(
            "head",
            features,
            outputs,
            initialization=head,
            role="head",
            first=raw and depth == 0,
        )

    def layers(self) -> Sequence[Layer]:
        """The front's, each hidden layer's, what draws, and the head."""
        hidden = [
            each
            for pair in zip(self.linears, self.norms, strict=True)
            for each in pair
            if each is not None
        ]
        return [*self.front.layers(), *hidden, *self.dropouts, *self.depths, self.head]

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """What the head gets: [M, B, width]."""
        x = self.front(run, inputs)
        stream: Tensor | None = None
        for linear, norm, dropout, depth in zip(
            self.linears, self.norms, self.dropouts, self.depths, strict=True
        ):
            x = depth(run, through(linear, run, x))
            if self.residual:
                x = stream = x if stream is None else stream + x
            if norm is not None:
                x = norm(run, x)
            x = dropout(run, activate(self.activation, x))
        return x

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """[M, B, width] → [M, B, C]."""
        return through(self.head, run, features)
