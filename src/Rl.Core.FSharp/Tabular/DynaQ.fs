/// Dyna-Q: Q-learning from real steps and from steps that a learned table of outcomes imagines.
namespace Rl.Core.Tabular

open Rl.Core.Foundations

/// Action values with what was last seen to follow each pair.
type DynaTable =
    {
        /// Q [S, A].
        Values: float[]
        /// The last transition of each pair, [S · A].
        Model: Transition voption[]
        /// The pairs that were seen, in the order of the first visits.
        Seen: int[]
    }

/// Source: Sutton, "Integrated architectures for learning, planning, and reacting" (1990); Sutton and Barto (2018),
/// section 8.2.
[<RequireQualifiedAccess>]
module DynaQ =

    /// Zeros, and nothing seen.
    let create (states: int) (actions: int) : DynaTable =
        Guard.positive (nameof states) states
        Guard.positive (nameof actions) actions

        {
            Values = Array.zeroCreate (states * actions)
            Model = Array.create (states * actions) ValueNone
            Seen = [||]
        }

    /// Takes in what followed a pair, without learning from it.
    let remember (actions: int) (table: DynaTable) (transition: Transition) : DynaTable =
        let pair = transition.State * actions + transition.Action
        let model = Array.copy table.Model
        let known = model[pair].IsSome
        model[pair] <- ValueSome transition

        { table with
            Model = model
            Seen = if known then table.Seen else Array.append table.Seen [| pair |]
        }

    /// One Q-learning step from the transition, then `planningSteps` from remembered transitions of pairs drawn
    /// uniformly: struct (table, generator). Assumes that the same outcome follows a pair again; in a random process,
    /// that the last one does.
    let step
        (stepSize: float)
        (planningSteps: int)
        (actions: int)
        (table: DynaTable)
        (transition: Transition)
        (rng: Rng)
        : struct (DynaTable * Rng) =
        Guard.notNegative (nameof planningSteps) planningSteps
        let table = remember actions table transition
        let mutable values = TabularControl.qLearning stepSize actions table.Values transition
        let mutable rng = rng

        for _ in 1..planningSteps do
            let struct (index, next) = Rng.below table.Seen.Length rng
            rng <- next

            match table.Model[table.Seen[index]] with
            | ValueSome imagined -> values <- TabularControl.qLearning stepSize actions values imagined
            | ValueNone -> ()

        struct ({ table with Values = values }, rng)
