/// Learners from recorded steps that move their networks by several updates, one after the other.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks

/// A learner's updates in their order, and what passes between them.
[<NoEquality; NoComparison>]
type internal OfflineUpdates =
    {
        /// Each with the terms to report.
        Updates: (Update * string list) list
        /// Groups that one update moves and another reads: after the run of which, from, group, into.
        Passes: (Update * Update * string * Update) list
        /// Target networks, which begin as copies of parts of θ.
        Targets: (string * Part) list
        /// Standard normal numbers that they read.
        Noise: Column list
    }

/// What a learner of updates is besides.
[<NoEquality; NoComparison>]
type internal OfflineLearner =
    {
        Algorithm: string
        /// The options as named texts.
        Texts: (string * string) list
        Plan: PlanOptions
        Replayed: OffPolicyOptions
        Recorded: RecordedOptions
        /// Give networks observations of the data's mean 0 and variance 1.
        NormaliseObservations: bool
        Rates: Rate list
        Actor: Actor
        /// Of θ, which begins with the actor's.
        Layout: Layout
        /// How it acts after its offline steps.
        Explore: ExploreAction
        /// The actor's part of θ as updates have left it; of the θ that was loaded.
        Policy: float32[] -> ReadOnlyMemory<float32>
    }

[<RequireQualifiedAccess>]
module internal OfflineUpdates =

    /// An update of a batch.
    let update (replayed: OffPolicyOptions) name isWhole (groups: ParameterGroup list) (loss: Batch -> Term list) =
        let shape = if isWhole then SampleShape.wholeBatch else SampleShape.steps

        Update.create
            {
                Name = name
                Groups = groups
                Shape = shape replayed.BatchSize
                MaxGradientNorm = 0.0
                Loss = loss
            }

    /// A learner of these updates.
    let learner
        (c: OfflineLearner)
        (steps: OfflineUpdates)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        let updates = steps.Updates |> List.map fst
        let noise = DrawnNoise(steps.Noise, c.Replayed.BatchSize)
        let each = List.toArray updates
        let mutable means = steps.Updates |> List.map Means |> List.toArray
        let mutable loaded: float32[] = [||]

        let learn samples environmentSteps key =
            let samples, key = noise.With samples, noise.Draw key
            Rate.set c.Plan environmentSteps c.Rates updates

            for index in 0 .. each.Length - 1 do
                let update = each[index]
                update.ChooseAll samples
                update.Run workers
                means[index].Add()

                for after, from, group, into in steps.Passes do
                    if obj.ReferenceEquals(after, update) then ActorCritics.pass group from into

            key

        OfflineLearning.learnerOf c.Recorded OfflineLearning.noExtras Replayed.noExtras c.Replayed
        <| {
               Algorithm = c.Algorithm
               Options = c.Texts
               TotalSteps = c.Plan.TotalSteps
               Actor = c.Actor
               Layout = c.Layout
               ActionScaling = ActionScaling.Bounds
               NormaliseObservations = c.NormaliseObservations
               Arrays = ActorCritics.arrays updates
               Targets = steps.Targets
               Explore = c.Explore
               Load =
                   fun draft ->
                       for update in updates do
                           update.Load draft

                       loaded <- draft.CurrentTheta
                       means <- steps.Updates |> List.map Means |> List.toArray
               Policy = fun () -> c.Policy loaded
               Stepped = fun _ _ -> ()
               Learn = learn
               Errors = fun () -> ReadOnlyMemory.Empty
               Store =
                   fun draft ->
                       for update in updates do
                           update.Store draft
               Metrics =
                   fun environmentSteps ->
                       [|
                           for mean in means do
                               yield! mean.All
                           yield! Rate.metrics c.Plan environmentSteps c.Rates
                       |]
           }
        <| environment
        <| workers
