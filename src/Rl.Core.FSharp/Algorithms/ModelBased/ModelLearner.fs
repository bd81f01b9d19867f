/// Agents that plan with a model of their own, as learners: rounds of acting and fitting.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// A learner whose states act by plans.
[<Sealed>]
type private PlanningLearner(inner: Learner, plans: TrainingState -> PlayerMaker) =
    inherit LearnerAround(inner)
    override _.Plans state = Some(plans state)

/// The learners of the loops of slides 10 and 11.
[<RequireQualifiedAccess>]
module internal ModelLearner =

    /// A learner whose transition takes `ModelInterval` steps, over all copies, and fits the model to all data. Steps
    /// are those of π₀ where D is not aggregated, and until `LearningStarts`; then they are planned.
    let create
        (algorithm: string)
        (pairs: (string * string) list)
        (aggregates: bool)
        (options: ModelControlOptions)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        let numbers = ActorCritics.actionCount algorithm environment.ActionSpace
        let control = ModelControl(options, environment, workers)
        let copies = environment.Count
        let each = max 1 (options.Model.ModelInterval / copies)
        let starts = if aggregates then int64 options.LearningStarts else 1L

        let learn (state: TrainingState) () =
            let missing = starts - state.Steps
            let isFitted = (control.Elites state).Length > 0
            let plans = aggregates && missing <= 0L && isFitted

            let count =
                if aggregates && missing > 0L then
                    min each (int ((missing + int64 copies - 1L) / int64 copies))
                else
                    each

            let struct (acted, episodes) = if plans then control.Plan(count, state) else control.Explore(count, state)

            let remembered = acted.Replay.Value.Count

            // Who goes on without the memory that there was keeps the model until there are data again.
            let isReady = acted.Steps >= starts && remembered >= min (int starts) options.BufferSize

            let struct (learnt, loss, error, epochs) =
                if isReady then
                    let struct (fitted, report) = control.Fit acted
                    struct (fitted, report.Loss, Array.average report.HeldOut, float report.Epochs)
                else
                    struct (acted, nan, nan, nan)

            let next = { learnt with Updates = state.Updates + 1L }

            struct (next,
                    {
                        Steps = next.Steps
                        Updates = next.Updates
                        Episodes = List.toArray episodes
                        Metrics =
                            [|
                                struct ("modelLoss", loss)
                                struct ("modelError", error)
                                struct ("modelEpochs", epochs)
                                struct ("planned", (if plans then 1.0 else 0.0))
                                struct ("remembered", float remembered)
                            |]
                    })

        let learner =
            Learner.ofFunctions
                {
                    Algorithm = algorithm
                    Environment = environment
                    Network = Actor.planned environment.ObservationSize numbers
                    Options = pairs
                    TotalSteps = options.Plan.TotalSteps
                    Arrays = control.Arrays
                    Start = control.Start
                    Collect = ignore
                    Learn = learn
                }

        new PlanningLearner(learner, ModelPlayers.ofState options control.Place)
