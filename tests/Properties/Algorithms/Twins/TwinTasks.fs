/// A small task for the twins: two numbers are observed, every part of an action counts, and episodes end by terminal
/// states as well as by the time limit.
namespace Rl.Tests.Algorithms.Twins

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// Where a wanderer stands.
[<Struct>]
type WanderState = { X: float; Y: float }

/// Two coupled numbers that drift, are pushed by the action and shaken by chance; beyond ± 1 the first ends the
/// episode.
type Wander(actions: Space) =

    /// The elements of an action as pushes of size 1 or so.
    let rec pushes (space: Space) (action: float32[]) : float list =
        match space with
        | Space.Discrete(count, start) -> [ 2.0 * float (int action[0] - start) / float (count - 1) - 1.0 ]
        | Space.MultiDiscrete(counts, starts) ->
            [
                for i in 0 .. counts.Length - 1 do
                    2.0 * float (int action[i] - starts[i]) / float (counts[i] - 1) - 1.0
            ]
        | Space.MultiBinary _ -> [ for bit in action -> 1.6 * float bit - 0.8 ]
        | Space.Box(low, high, _) ->
            [
                for i in 0 .. low.Length - 1 do
                    2.0 * (float action[i] - low[i]) / (high[i] - low[i]) - 1.0
            ]
        | Space.Tuple(first :: rest) ->
            pushes first action[.. first.Size - 1] @ pushes (Space.Tuple rest) action[first.Size ..]
        | Space.Tuple [] -> []
        | other -> invalidArg (nameof actions) $"Wander knows no actions of {other}."

    interface IEnvironment<WanderState> with
        member _.Id = "Wander-v0"
        member _.ObservationSpace = Space.unbounded [| 2 |]
        member _.ActionSpace = actions
        member _.MaxEpisodeSteps = 7
        member _.RewardThreshold = nan

        member _.Reset(rng) =
            let struct (x, rng) = Rng.uniformIn -0.8 0.8 rng
            let struct (y, rng) = Rng.uniformIn -0.5 1.0 rng
            struct ({ X = x; Y = y }, rng)

        member _.Step(state, action, rng) =
            let pushed = pushes actions (action.ToArray())
            let weighted weight = pushed |> List.mapi (fun index push -> weight index * push) |> List.sum
            let push, twist = weighted (fun index -> 1.0 / float (1 + index)), weighted (fun index -> float index - 0.5)
            let struct (first, rng) = Rng.normal rng
            let struct (second, rng) = Rng.normal rng
            let x = state.X + 0.4 * push + 0.2 * state.Y + 0.3 * first
            let y = 0.6 * state.Y - 0.3 * state.X + 0.25 * twist + 0.2 * second
            let reward = 1.5 - x * x + 0.6 * y * push - 0.4 * twist
            struct ({ X = x; Y = y }, { Reward = reward; Terminated = abs x > 1.0; Truncated = false }, rng)

        member _.Observe(state, observation) =
            observation[0] <- float32 state.X
            observation[1] <- float32 state.Y

/// The same, where of every three choices one is impossible: which one, the state says.
type MaskedWander(actions: Space) =
    inherit Wander(actions)

    interface IActionMasks<WanderState> with
        member _.ActionMask(state, mask) =
            let forbidden = if state.X > 0.0 then 1 else 0

            for choice in 0 .. mask.Length - 1 do
                mask[choice] <- choice % 3 <> forbidden

/// The tasks by the kind of their actions.
[<RequireQualifiedAccess>]
module TwinTasks =

    /// One of three choices.
    let choices copies = AnyEnvironment.Pack(Wander(Space.discreteFrom 2 3)).Vectorise(copies: int)

    /// One of four choices, some of them impossible.
    let maskedChoices copies = AnyEnvironment.Pack(MaskedWander(Space.discreteFrom 2 4)).Vectorise(copies: int)

    /// One of three choices and one of two.
    let branches copies =
        AnyEnvironment.Pack(Wander(Space.multiDiscreteFrom [| 1; -1 |] [| 3; 2 |])).Vectorise(copies: int)

    /// The same, some of them impossible.
    let maskedBranches copies =
        AnyEnvironment.Pack(MaskedWander(Space.multiDiscreteFrom [| 1; -1 |] [| 3; 2 |])).Vectorise(copies: int)

    /// Two numbers in intervals that are not about 0.
    let numbers copies =
        AnyEnvironment.Pack(Wander(Space.box [| -1.0; 0.0 |] [| 3.0; 2.0 |] [| 2 |])).Vectorise(copies: int)

    /// Three bits; some of them must be what they are.
    let maskedBits copies = AnyEnvironment.Pack(MaskedWander(Space.multiBinary [| 3 |])).Vectorise(copies: int)

    /// One of three choices, two bits and a number; some choices are impossible.
    let mixed copies =
        let space = Space.tuple [ Space.discrete 3; Space.multiBinary [| 2 |]; Space.boxOf -1.0 2.0 [| 1 |] ]
        AnyEnvironment.Pack(MaskedWander space).Vectorise(copies: int)

    /// Two numbers with one of three choices between them, and one of two.
    let hybrid copies =
        let between = Space.tuple [ Space.discreteFrom 2 3; Space.boxOf -2.0 2.0 [| 1 |] ]
        let space = Space.tuple [ Space.boxOf -1.0 3.0 [| 1 |]; between; Space.discrete 2 ]
        AnyEnvironment.Pack(Wander space).Vectorise(copies: int)

    /// Three numbers in two parts.
    let numbersInTuples copies =
        let space = Space.tuple [ Space.boxOf -1.0 3.0 [| 1 |]; Space.boxOf -2.0 2.0 [| 2 |] ]
        AnyEnvironment.Pack(Wander space).Vectorise(copies: int)
