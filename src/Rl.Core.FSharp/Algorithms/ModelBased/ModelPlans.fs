/// Deciding by plans within a learnt model: for those who learn, and for those who act with what was learnt.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Planning

/// What there is to know before planning: the model's network, the spaces, what is known of the task.
type internal ModelTask = { Network: ModelNetwork; Observations: Space; Actions: Space; Known: KnownTask }

/// The arrays of a training state that a model has beside its parameters.
[<RequireQualifiedAccess>]
module internal ModelArrays =

    /// The model's units.
    [<Literal>]
    let Frame = "modelFrame"

    /// The members that imagine; −1 before the first fit.
    [<Literal>]
    let Elites = "modelElites"

    /// Fails for observations that are no Box of numbers.
    let requireNumbers (environment: string) (observations: Space) : unit =
        match observations with
        | Space.Box _ -> ()
        | other ->
            Guard.fail
                "environment"
                ($"{environment} has observations {other}; a model learns from a Box of numbers: flatten them, or use "
                 + "an algorithm without a model.")

    /// The task of a place for options. Fails for observations that are no Box of numbers.
    let task (options: ModelControlOptions) (place: PlanningPlace) : ModelTask =
        requireNumbers place.Environment place.Observations
        let known = KnownTasks.ofPlace options.Model.ImaginedRewards place.Environment place.IsBare
        let sizes = struct (place.Observations.Size, place.Actions.Size)
        let struct (observations, actions) = sizes

        {
            Network =
                ModelOptions.network options.Model observations actions known.Reward.IsNone known.Terminated.IsNone
            Observations = place.Observations
            Actions = place.Actions
            Known = known
        }

    /// The first frame and elites.
    let initial (options: ModelOptions) (network: ModelNetwork) : (string * float32[]) list =
        [
            Frame, ModelFrame.toArray (ModelFrame.identity network.Layers.Inputs network.Numbers)
            Elites, Array.create options.Elites -1.0f
        ]

    /// The frame of its array in a state. `ArgumentException` for one that divides by nothing.
    let frame (network: ModelNetwork) (noted: float32[]) : ModelFrame =
        let frame = ModelFrame.ofArray network.Layers.Inputs network.Numbers (ReadOnlySpan noted)

        for scale in Seq.append frame.InputScale frame.TargetScale do
            if not (scale > 0.0f) then
                Guard.fail "state" $"The model's frame has the scale {scale}; it must be greater than 0."

        frame

    /// The elites of their array in a state: none before the first fit. `ArgumentException` for those that there are
    /// not.
    let elites (options: ModelOptions) (noted: float32[]) : int[] =
        Guard.length Elites options.Elites noted.Length

        if Array.forall ((=) -1.0f) noted then
            [||]
        else
            for elite in noted do
                if not (elite >= 0.0f && elite < float32 options.Members && float32 (int elite) = elite) then
                    Guard.fail "state" $"The model's elite is {elite}, of {options.Members} members."

            Array.map int noted

/// A planner with a model. Before a model was fitted actions are drawn from their space. Not thread-safe.
[<Sealed>]
type internal ModelPlans(options: ModelControlOptions, task: ModelTask, workers: Workers) =
    let planner = PlanSearchOptions.create options.Search (PlanningSpace task.Actions)
    let own = (ModelNetwork.layoutOfMember task.Network).Count

    let returns =
        ModelReturns(
            task.Network,
            {
                Particles = options.Particles
                Propagation = options.Propagation
                Observations = task.Observations.Size
                Known = task.Known
            },
            options.Model.Elites,
            workers
        )

    let mutable isFitted = false

    /// Takes a model over: its units, the members that imagine (none: it was never fitted), and all members'
    /// parameters.
    member _.Load(frame: ModelFrame, elites: int[], theta: float32[]) : unit =
        isFitted <- elites.Length > 0

        if isFitted then
            returns.Load(frame, elites, (fun index -> ReadOnlyMemory(theta, index * own, own)))

    /// What is carried from decision to decision, before the first.
    member _.Start() : PlannerState = planner.Start(Rng.create 0UL)

    /// Writes the action for an observation; `present` moves on, in single precision. The generator that follows.
    member _.Decide(observation: ReadOnlySpan<float32>, present: PlannerState, action: Span<float32>, key: Rng) : Rng =
        if isFitted then
            let struct (search, rest) = Rng.split key
            let struct (chance, next) = Rng.split rest
            present.Key <- search
            returns.Start(observation, chance)
            planner.Decide(present, returns)
            planner.FirstAction(present, ReadOnlySpan.Empty, action)
            present.Round()
            next
        else
            task.Actions.Sample(key, action)

/// Players with the model of a training state.
[<RequireQualifiedAccess>]
module internal ModelPlayers =

    let private player options task frame elites (theta: float32[]) : IPlayer =
        let plans = ModelPlans(options, task, new Workers(1))
        plans.Load(frame, elites, theta)
        let mutable present = plans.Start()

        { new IPlayer with
            member _.Begin() = present <- plans.Start()
            member _.Act(observation, _, action, key) = plans.Decide(observation, present, action, key)
        }

    /// What acts with a state. `ArgumentException` for one that is none of these options.
    let ofState (options: ModelControlOptions) (place: PlanningPlace) (state: TrainingState) : PlayerMaker =
        ModelControlOptions.validate options
        let task = ModelArrays.task options place
        let count = (ModelNetwork.layout task.Network).Count
        Guard.length "Parameters" count state.Parameters.Length
        let frame = ModelArrays.frame task.Network (state.Array ModelArrays.Frame)
        let elites = ModelArrays.elites options.Model (state.Array ModelArrays.Elites)
        PlayerMaker(fun theta -> player options task frame elites theta)
