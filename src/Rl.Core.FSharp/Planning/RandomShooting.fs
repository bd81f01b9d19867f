/// Random shooting: try sequences at random, take the best.
namespace Rl.Core.Planning

open System
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of random shooting.
type RandomShootingOptions =
    {
        /// The number of actions that are thought ahead.
        Horizon: int
        /// Sequences tried for each decision.
        Population: int
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module RandomShootingOptions =

    /// A thousand sequences of 30 actions.
    let defaults = { Horizon = 30; Population = 1000 }

    /// A row an option.
    let rows: OptionRow<RandomShootingOptions> list =
        let d = defaults

        [
            Options.whole (nameof d.Horizon) (Range.atLeast 1.0) _.Horizon (fun v c -> { c with Horizon = v })
            Options.whole (nameof d.Population) (Range.atLeast 1.0) _.Population (fun v c -> { c with Population = v })
        ]

/// Draws sequences uniformly within the bounds and decides on the best:
/// a = argmax over k of R(a⁽ᵏ⁾), a⁽ᵏ⁾ ~ U(low, high). Sources: slide 10; Nagabandi, Kahn, Fearing and Levine, "Neural
/// network dynamics for model-based deep reinforcement learning with model-free fine-tuning" (2018), section IV.C.
[<Sealed>]
type RandomShooting internal (options: RandomShootingOptions, space: PlanningSpace, draws: IDraws) =
    inherit Planner(space, options.Horizon, 0)

    let population = Population(space, options.Horizon, options.Population)

    /// A planner for a space of actions; `ArgumentOutOfRangeException` for an option out of its range.
    new(options: RandomShootingOptions, space: PlanningSpace) =
        Options.validate RandomShootingOptions.rows options
        RandomShooting(options, space, Draws.random)

    override _.Decide(state: PlannerState, judge: ISequenceReturns) =
        let coordinates = population.Coordinates
        state.Key <- draws.Uniforms(Span coordinates, state.Key)

        for index in 0 .. coordinates.Length - 1 do
            let low, high = space.Low[index % space.Size], space.High[index % space.Size]
            coordinates[index] <- low + (high - low) * coordinates[index]

        population.Judge(judge, 0, options.Population)
        population.Rank options.Population
        population.Row(population.Ranked 0).CopyTo(Span state.Plan)
        state.Value <- population.Returns[population.Ranked 0]
