/// Who plays an environment: policies, planners, functions, chance.
namespace Rl.Core.Acting

open System
open Rl.Core.Foundations

/// How actions are chosen, one at a time, in one copy of an environment. What it remembers lasts for an episode. Not
/// thread-safe.
type IPlayer =
    /// A new episode begins: what was seen before is forgotten.
    abstract Begin: unit -> unit

    /// Writes an action for an observation among the choices that the mask (empty: all) allows; the generator that
    /// follows comes out.
    abstract Act:
        observation: ReadOnlySpan<float32> * mask: ReadOnlySpan<bool> * action: Span<float32> * key: Rng -> Rng

/// Who also wants to know what it earns, as policies do that are asked for a return.
type IRewardedPlayer =
    inherit IPlayer
    /// The reward that followed the last action of an episode that goes on.
    abstract Earn: reward: float -> unit

/// Makes a player for the parameters θ of a policy, as often as it is asked: each plays on a thread of its own.
type PlayerMaker = delegate of parameters: float32[] -> IPlayer
