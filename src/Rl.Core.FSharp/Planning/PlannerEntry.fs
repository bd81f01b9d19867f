/// The planners by name: their options as data, and players that decide by them.
namespace Rl.Core.Planning

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// How a sequence is judged in a simulator.
type LookaheadOptions =
    {
        /// γ of the returns that are planned for; 1 for their sum.
        Discount: float
        /// Copies whose mean is a sequence's return, each with chance of its own; 1 where steps have none.
        Particles: int
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module LookaheadOptions =

    /// The sum of what one copy is paid.
    let defaults = { Discount = 1.0; Particles = 1 }

    /// A row an option.
    let rows: OptionRow<LookaheadOptions> list =
        let d = defaults

        [
            Options.number (nameof d.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.whole (nameof d.Particles) (Range.atLeast 1.0) _.Particles (fun v c -> { c with Particles = v })
        ]

/// A planner with its options, not bound to a world yet.
type PlannerChoice =
    {
        Id: string
        /// Every option as text.
        Options: (string * string) list
        /// The places of the simulator that a player needs.
        Places: int
        /// A player in a copy of the batch that the simulator belongs to. `ArgumentException` for a space of actions
        /// that the planner cannot search.
        Create: Simulator -> int -> IPlayer
    }

/// A planner that can be chosen by name.
[<NoEquality; NoComparison>]
type PlannerEntry =
    {
        Id: string
        Name: string
        Summary: string
        Source: string
        /// The options' names with their default, the values that they may have, and the record that documents them.
        Options: struct (string * string * OptionKind * Type) list
        /// The planner with the named options; `ArgumentException` for a name or value that is none.
        Choose: (string * string) list -> PlannerChoice
    }

/// An option group beside how sequences are judged.
type private Search<'O> = { Search: 'O; Lookahead: LookaheadOptions }

/// Every planner.
[<RequireQualifiedAccess>]
module Planners =

    let private describe (rows: OptionRow<'C> list) (defaults: 'C) =
        rows |> List.map (fun row -> struct (row.Name, row.Print defaults, row.Kind, row.Owner))

    /// A player that plans sequences with the environment as their judge.
    let private sequencePlayer (planner: Planner) (judge: EnvironmentReturns) (copy: int) : IPlayer =
        let mutable state = planner.Start(Rng.create 0UL)

        { new IPlayer with
            member _.Begin() = state <- planner.Start state.Key

            member _.Act(observation, mask, action, key) =
                let struct (search, rest) = Rng.split key
                let struct (chance, next) = Rng.split rest
                state.Key <- search
                judge.Begin(copy, observation, chance)
                planner.Decide(state, judge)
                planner.FirstAction(state, mask, action)
                next
        }

    let private sequences
        id
        name
        summary
        source
        (rows: OptionRow<'O> list)
        (defaults: 'O)
        (population: 'O -> int)
        (create: 'O -> PlanningSpace -> Planner)
        : PlannerEntry =
        let rows =
            Options.group (fun (c: Search<'O>) -> c.Search) (fun v c -> { c with Search = v }) rows
            @ Options.group
                (fun (c: Search<'O>) -> c.Lookahead)
                (fun v c -> { c with Lookahead = v })
                LookaheadOptions.rows

        let defaults = { Search = defaults; Lookahead = LookaheadOptions.defaults }

        {
            Id = id
            Name = name
            Summary = summary
            Source = source
            Options = describe rows defaults
            Choose =
                fun pairs ->
                    let options = Options.ofPairs rows pairs defaults
                    Options.validate rows options
                    let lookahead = options.Lookahead

                    {
                        Id = id
                        Options = Options.toPairs rows options
                        Places = population options.Search * lookahead.Particles
                        Create =
                            fun simulator copy ->
                                let planner = create options.Search (PlanningSpace simulator.ActionSpace)
                                let judge = EnvironmentReturns(simulator, lookahead.Discount, lookahead.Particles)
                                sequencePlayer planner judge copy
                    }
        }

    let private tree id name summary source (selection: TreeSelection) : PlannerEntry =
        let defaults = { TreeSearchOptions.defaults with Selection = selection }

        {
            Id = id
            Name = name
            Summary = summary
            Source = source
            Options = describe TreeSearchOptions.rows defaults
            Choose =
                fun pairs ->
                    let options = Options.ofPairs TreeSearchOptions.rows pairs defaults
                    Options.validate TreeSearchOptions.rows options

                    {
                        Id = id
                        Options = Options.toPairs TreeSearchOptions.rows options
                        Places = TreeSearch.Places options
                        Create =
                            fun simulator copy ->
                                let search = TreeSearch(options, simulator, null)

                                { new IPlayer with
                                    member _.Begin() = ()

                                    member _.Act(observation, mask, action, key) =
                                        search.Decide(copy, observation, mask, key, action)
                                }
                    }
        }

    let private differential id name summary source (isSecondOrder: bool) : PlannerEntry =
        let rows, defaults = DifferentialPlannerOptions.rows, DifferentialPlannerOptions.defaults

        {
            Id = id
            Name = name
            Summary = summary
            Source = source
            Options = describe rows defaults
            Choose =
                fun pairs ->
                    let options = Options.ofPairs rows pairs defaults
                    Options.validate rows options

                    {
                        Id = id
                        Options = Options.toPairs rows options
                        Places = DifferentialPlanner.Places
                        Create =
                            fun simulator copy ->
                                let planner = DifferentialPlanner(options, isSecondOrder, simulator)
                                let mutable before: float[][] = [||]

                                { new IPlayer with
                                    member _.Begin() = before <- [||]

                                    member _.Act(observation, _, action, key) =
                                        let struct (plan, next) = planner.Decide(copy, observation, before, key)
                                        before <- plan.Controls

                                        let first = before[0]

                                        for index in 0 .. action.Length - 1 do
                                            action[index] <- float32 first[index]

                                        next
                                }
                    }
        }

    /// Every planner, in the order of lists.
    let entries: PlannerEntry list =
        [
            sequences
                "shooting"
                "Random shooting"
                "Tries sequences of actions at random and takes the best."
                "Nagabandi et al. (2018)"
                RandomShootingOptions.rows
                RandomShootingOptions.defaults
                _.Population
                (fun options space -> RandomShooting(options, space))
            sequences
                "cem"
                "Cross-entropy method"
                "Fits a distribution over sequences of actions to the best of them, several times a step."
                "Rubinstein (1999); Botev et al. (2013)"
                CrossEntropyOptions.rows
                CrossEntropyOptions.defaults
                _.Population
                (fun options space -> CrossEntropy(options, space))
            sequences
                "icem"
                "Improved cross-entropy method"
                "The cross-entropy method with noise that is correlated over time and a memory of the best sequences."
                "Pinneri et al. (2020)"
                ImprovedCrossEntropyOptions.rows
                ImprovedCrossEntropyOptions.defaults
                ImprovedCrossEntropyOptions.capacity
                (fun options space -> ImprovedCrossEntropy(options, space))
            sequences
                "mppi"
                "Model-predictive path-integral control"
                "Moves a plan to the mean of noisy plans, weighted exponentially by what they return."
                "Williams et al. (2017)"
                MppiOptions.rows
                MppiOptions.defaults
                _.Population
                (fun options space -> Mppi(options, space))
            sequences
                "pddm"
                "Filtered path-integral control"
                "Path-integral control whose noise is filtered over time."
                "Nagabandi et al. (2019)"
                FilteredMppiOptions.rows
                FilteredMppiOptions.defaults
                _.Population
                (fun options space -> FilteredMppi(options, space))
            differential
                "ilqr"
                "Iterative linear-quadratic regulation"
                "Improves a sequence of continuous actions by derivatives, within their bounds."
                "Tassa et al. (2012, 2014)"
                false
            differential
                "ddp"
                "Differential dynamic programming"
                "Improves a sequence of continuous actions by derivatives, the second of the dynamics too."
                "Jacobson and Mayne (1970); Tassa et al. (2014)"
                true
            tree
                "uct"
                "Monte-Carlo tree search, UCT"
                "Grows a tree of states by upper confidence bounds; discrete actions."
                "Kocsis and Szepesvári (2006)"
                TreeSelection.Uct
            tree
                "puct"
                "Monte-Carlo tree search, PUCT"
                "Grows a tree of states by a prior over actions and their values; discrete actions."
                "Rosin (2011); Silver et al. (2017)"
                TreeSelection.Puct
        ]

    /// Every planner's id.
    let ids: string list = entries |> List.map _.Id

    /// The planner of an id; `ArgumentException` lists the ids if there is none.
    let find (id: string) : PlannerEntry =
        match
            entries
            |> List.tryFind (fun entry -> String.Equals(entry.Id, id, StringComparison.OrdinalIgnoreCase))
        with
        | Some entry -> entry
        | None ->
            let known = String.Join(", ", ids)
            Guard.fail (nameof id) $"There is no planner \"{id}\"; there are {known}."
