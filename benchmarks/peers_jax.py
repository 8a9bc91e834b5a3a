"""Self-play with mctx and pgx on JAX: the peer of `peers.py`, in a process of its own.

Started as ``python peers_jax.py SPECIFICATION``, the fields of `Specification` as JSON. Prints one line when it is
ready, that is, has compiled and played a first move; then, for each number of seconds that it reads, plays so long
and prints what it counted; between them it sleeps. It ends with its standard input.

AlphaZero's search as mctx spells it: the embedding of a node is the state of the game, and `recurrent_fn` steps it and
asks the network about what comes out.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import mctx
import pgx
from safetensors.numpy import load_file

__all__ = ["SelfPlay", "Specification", "load_weights", "network"]

HEAD_CHANNELS = 8
"""As in engine/network/residual.py."""
KERNEL_RANK = 4
ZERO_SUM = -1.0
"""The discount between two players who take turns: the value of the one is the other's loss."""


@dataclass(frozen=True)
class Specification:
    """What a process plays, and how."""

    game: str
    """pgx's name."""
    planes: int
    """Of its observation, how many the network reads, from the first."""
    upside_down: bool
    """The network knows the board with its rows in reverse order."""
    weights: str
    """A safetensors file: the network of engine/network/residual.py, folded, with values as win, draw and loss."""
    precision: str
    """Of the network: "fp32" or "bf16"."""
    policy: str
    """"puct" or "gumbel": mctx.muzero_policy or mctx.gumbel_muzero_policy."""
    batch: int
    """Games at once; their leaves make one batch."""
    simulations: int
    """Per move."""
    dirichlet_alpha: float
    """puct: noise at the root."""
    dirichlet_fraction: float
    """puct: of the root prior."""
    temperature: float
    """puct: exponent 1/temperature on root visits, early in a game."""
    temperature_plies: int
    """puct: until the game has so many plies."""
    final_temperature: float
    """puct: from then on."""
    opening_plies: int
    """Games begin with 1 to so many random moves, of which none ends the game."""
    seed: int


def load_weights(path: str, precision: str) -> dict[str, Any]:
    """The tensors of a safetensors file by name, for `network`."""
    dtype = {"fp32": jnp.float32, "bf16": jnp.bfloat16}[precision]
    # From torch's [outputs, inputs, rows, columns]: XLA has no fast convolution for such kernels (20 times slower).
    kernels = {
        name: each.transpose(2, 3, 1, 0) if each.ndim == KERNEL_RANK else each for name, each in load_file(path).items()
    }
    return {name: jnp.asarray(each, dtype) for name, each in kernels.items()}


def convolution(planes: Any, weights: Any, name: str) -> Any:
    """[B, H, W, inputs] -> [B, H, W, outputs], padded so that the board keeps its shape."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(planes, kernel, (1, 1), "SAME", dimension_numbers=layout) + bias


def linear(inputs: Any, weights: Any, name: str) -> Any:
    """[B, inputs] -> [B, outputs]."""
    return inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def network(weights: dict[str, Any], observation: Any) -> tuple[Any, Any]:
    """`ResidualNetwork` without its batch normalisation, in the type of the weights.

    From planes [B, H, W, C] to prior_logits f32[B, A] and values f32[B] of the player to move, in [-1, 1].
    """
    relu = jax.nn.relu
    planes = relu(convolution(observation.astype(weights["stem.weight"].dtype), weights, "stem"))
    block = 0
    while f"torso.{block}.first.weight" in weights:
        inner = relu(convolution(planes, weights, f"torso.{block}.first"))
        planes = relu(convolution(inner, weights, f"torso.{block}.second") + planes)
        block += 1
    heads = relu(convolution(planes, weights, "heads")).transpose(0, 3, 1, 2)
    policy, value = (part.reshape(len(part), -1) for part in (heads[:, :HEAD_CHANNELS], heads[:, HEAD_CHANNELS:]))
    logits = linear(policy, weights, "policy").astype(jnp.float32)
    outcome = linear(relu(linear(value, weights, "value_hidden")), weights, "value").astype(jnp.float32)
    win, _, loss = jnp.moveaxis(jax.nn.softmax(outcome), -1, 0)
    return logits, win - loss


class SelfPlay:
    """Games in a batch, each replaced by another opening when it ends."""

    def __init__(self, specification: Specification) -> None:
        """Load the weights, make the openings, compile, and play a first move."""
        self.specification = specification
        self.game = pgx.make(specification.game)
        self.weights = load_weights(specification.weights, specification.precision)
        self.key, key = jax.random.split(jax.random.key(specification.seed))
        self.openings = jax.jit(jax.vmap(self.opening))(jax.random.split(key, specification.batch))
        self.states = self.openings
        self.compiled_move = jax.jit(self.move)
        self.play_move()

    def turn(self, seconds: float) -> dict[str, float]:
        """Play so long, at least one move in every game; returns counts and the seconds it took."""
        start = time.perf_counter()
        moves = terminal = 0
        while not moves or time.perf_counter() - start < seconds:
            terminal += self.play_move()
            moves += 1
        roots = moves * self.specification.batch
        simulations = roots * self.specification.simulations
        # Every simulation evaluates the network, also where the game is over, and every root costs one more.
        return {
            "simulations": simulations,
            "evaluations": simulations + roots,
            "terminal": terminal,
            "moves": roots,
            "seconds": time.perf_counter() - start,
        }

    def play_move(self) -> int:
        """One move in every game; returns how many simulations ended in a terminal state."""
        self.key, key = jax.random.split(self.key)
        self.states, terminal = self.compiled_move(self.weights, self.states, self.openings, key)
        return int(terminal)  # waits for the answer

    def move(self, weights: Any, states: Any, openings: Any, key: Any) -> tuple[Any, Any]:
        """Search, move, and begin anew where the game is over.

        From states[B] to states[B] and the number of nodes in the B trees that are terminal.
        """
        given = self.specification
        search_key, opening_key = jax.random.split(key)
        logits, values = self.evaluate(weights, states)
        root = mctx.RootFnOutput(prior_logits=logits, value=values, embedding=without_observation(states))
        common = {"num_simulations": given.simulations, "invalid_actions": ~states.legal_action_mask}
        if given.policy == "gumbel":
            found = mctx.gumbel_muzero_policy(weights, search_key, root, self.step, **common)
        else:
            early = states._step_count < given.temperature_plies
            found = mctx.muzero_policy(
                weights,
                search_key,
                root,
                self.step,
                **common,
                dirichlet_alpha=given.dirichlet_alpha,
                dirichlet_fraction=given.dirichlet_fraction,
                temperature=jnp.where(early, given.temperature, given.final_temperature)[:, None],
            )
        after = jax.vmap(self.game.step)(states, found.action)
        chosen = jax.random.randint(opening_key, (given.batch,), 0, given.batch)
        fresh = jax.tree.map(lambda each: each[chosen], openings)
        states = jax.vmap(choose)(after.terminated, fresh, after)
        return states, found.search_tree.embeddings.terminated.sum()

    def step(self, weights: Any, key: Any, actions: Any, states: Any) -> tuple[Any, Any]:
        """The `recurrent_fn` of mctx: from actions [B] in states[B] to what they lead to."""
        del key  # no chance in these games
        after = jax.vmap(self.game.step)(states, actions)
        logits, values = self.evaluate(weights, after)
        movers = states.current_player[:, None]
        output = mctx.RecurrentFnOutput(
            reward=jnp.take_along_axis(after.rewards, movers, axis=1)[:, 0],
            discount=jnp.where(after.terminated, 0.0, ZERO_SUM),
            prior_logits=logits,
            value=jnp.where(after.terminated, 0.0, values),
        )
        return output, without_observation(after)

    def evaluate(self, weights: Any, states: Any) -> tuple[Any, Any]:
        """The network's prior_logits f32[B, A] of legal actions, and values f32[B]."""
        logits, values = network(weights, self.planes(states.observation))
        return jnp.where(states.legal_action_mask, logits, jnp.finfo(logits.dtype).min), values

    def planes(self, observation: Any) -> Any:
        """What the network reads of an observation [B, H, W, C]."""
        planes = observation[..., : self.specification.planes]
        return planes[:, ::-1] if self.specification.upside_down else planes

    def opening(self, key: Any) -> Any:
        """A state some random moves into a game."""
        plies = self.specification.opening_plies
        key, begin, length = jax.random.split(key, 3)
        moves = jax.random.randint(length, (), 1, plies + 1)

        def ply(index: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            state, key = carry
            key, action_key = jax.random.split(key)
            action = jax.random.categorical(action_key, jnp.where(state.legal_action_mask, 0.0, -jnp.inf))
            after = self.game.step(state, action)
            return choose((index < moves) & ~after.terminated, after, state), key

        return jax.lax.fori_loop(0, plies, ply, (self.game.init(begin), key))[0]


def choose(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` or `no`, two states."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def without_observation(states: Any) -> Any:
    """States[B] that take less room in a tree: what was observed in them has been answered."""
    return states.replace(observation=jnp.zeros((len(states.terminated), 0), bool))


def say(message: dict[str, float]) -> None:
    """One line for whoever reads."""
    print(json.dumps(message), flush=True)


def main() -> None:
    start = time.perf_counter()
    played = SelfPlay(Specification(**json.loads(sys.argv[1])))
    say({"preparation": time.perf_counter() - start})
    for line in sys.stdin:
        say(played.turn(float(line)))


if __name__ == "__main__":
    main()
