/// Trained policies on recorded episodes: what they would do there, how likely they find what was done, and what that
/// is worth by fitted Q evaluation.
namespace Rl.Core.Training

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// What a policy does and finds likely, and its values, on recorded episodes.
[<RequireQualifiedAccess>]
module OfflinePolicies =

    [<Literal>]
    let private Rows = 256

    /// Calls `f` with the place and number of rows of each piece of `count` rows.
    let private pieces count (f: int -> int -> unit) =
        for first in 0..Rows .. count - 1 do
            f first (min Rows (count - first))

    /// Judging by recorded steps asks a policy about each by itself, thousands of times.
    let private requireNoPlans (model: PolicyModel) =
        if model.Plans.IsSome then
            Guard.fail
                (nameof model)
                ("The policy plans, from step to step of its own episodes; recorded ones do not judge it. Evaluate it "
                 + "in its environment.")

    /// The policy's most probable actions [T + 1, `ActionSpace.Size`] at all observations of an episode, in the
    /// environment's numbers. Not for policies that remember.
    let actions (model: PolicyModel) : RecordedEpisode -> float32[] =
        requireNoPlans model
        let predictor = Predictor(model, Rows)
        let size, width = predictor.ObservationSize, predictor.ActionSize
        let seen, done' = Array.zeroCreate<float32>(Rows * size), Array.zeroCreate<float32>(Rows * width)

        fun episode ->
            let count = episode.Steps + 1
            let result = Array.zeroCreate<float32>(count * width)

            pieces count (fun first rows ->
                Array.Copy(episode.Observations, first * size, seen, 0, rows * size)
                predictor.Predict(ReadOnlySpan seen, Span done')
                Array.Copy(done', 0, result, first * width, rows * width))

            result

    /// ln π(aₜ|sₜ) of the actions of an episode, in the policy's units. Not for policies that remember, nor for those
    /// whose actions have no probabilities.
    let logProbabilities (model: PolicyModel) : RecordedEpisode -> float[] =
        let actor = model.Network

        requireNoPlans model

        if actor.StateSize > 0 then
            Guard.fail
                (nameof model)
                "The policy remembers what it has seen; its probabilities of a step are not known."

        let inputs, width = Encoding.size model.ObservationSpace, model.ActionSpace.Size
        let layout = Actor.layout actor
        let theta = Expr.input "theta" [| layout.Count |]
        let observations, acts = Expr.input "observations" [| Rows; inputs |], Expr.input "actions" [| Rows; width |]
        let output = Actor.apply actor (Parameters.create layout theta) observations
        let struct (logs, _) = Policy.evaluate actor.Distribution output acts
        let program = Program.compile<float32> { Outputs = [ "logs", logs ]; Carried = [] }
        program.Set("theta", ReadOnlySpan(model.Parameters, 0, layout.Count))
        let identity = Encoding.isIdentity model.ObservationSpace
        let size = model.ObservationSpace.Size
        let encoded = Array.zeroCreate<float32>(Rows * inputs)

        fun episode ->
            let result = Array.zeroCreate<float> episode.Steps

            pieces episode.Steps (fun first rows ->
                Array.Clear encoded
                let own = Span(encoded, 0, rows * inputs)

                Encoding.encode
                    model.ObservationSpace
                    identity
                    (ReadOnlySpan(episode.Observations, first * size, rows * size))
                    own

                Encoding.normalise
                    model.Observations
                    Encoding.Limit
                    (ReadOnlySpan encoded)
                    (program.Input "observations")

                let target = program.Input "actions"

                for row in 0 .. rows - 1 do
                    let action = ReadOnlySpan(episode.Actions, (first + row) * width, width)
                    Policy.ofEnvironment actor.Actions model.ActionSpace action (target.Slice(row * width, width))

                program.Run()
                let values = program.Output "logs"

                for row in 0 .. rows - 1 do
                    result[first + row] <- float values[row])

            result

    /// Actions as a critic sees them: numbers of a box in units of its bounds, choices as ones and zeros.
    let private encodedActions (space: Space) : float32[] -> int -> float32[] =
        match space with
        | Space.Box _ ->
            let map = Policy.actionMap ActionScaling.Bounds space

            fun actions rows ->
                let result = Array.zeroCreate<float32> actions.Length

                for row in 0 .. rows - 1 do
                    let width = space.Size
                    let target = Span(result, row * width, width)
                    Policy.ofEnvironment map space (ReadOnlySpan(actions, row * width, width)) target

                result
        | _ ->
            fun actions rows ->
                let result = Array.zeroCreate<float32>(rows * Encoding.size space)
                Encoding.encode space (Encoding.isIdentity space) (ReadOnlySpan actions) (Span result)
                result

    /// Observations of an episode as a critic sees them, by the statistics of the data.
    let private encodedObservations (space: Space) (statistics: RunningStatistics) (episode: RecordedEpisode) =
        let rows = episode.Steps + 1
        let encoded = Array.zeroCreate<float32>(rows * Encoding.size space)
        Encoding.encode space (Encoding.isIdentity space) (ReadOnlySpan episode.Observations) (Span encoded)
        Encoding.normalise statistics Encoding.Limit (ReadOnlySpan encoded) (Span encoded)
        encoded

    let private observations, acts = (fun n -> Column.step "observations" n), (fun n -> Column.step "actions" n)

    let private nextObservations, nextActs =
        (fun n -> Column.step "nextObservations" n), (fun n -> Column.step "nextActions" n)

    let private rewards, discounts = Column.number "rewards", Column.number "discounts"

    /// Values of a policy by fitted Q evaluation: a critic regressed on r + γ q̄(s′, π(s′)) over the steps of recorded
    /// episodes (Le, Voloshin and Yue 2019): struct (what gives q̂(sₜ, aₜ) [T] and v̂(sₜ) = q̂(sₜ, π(sₜ)) [T + 1] of an
    /// episode, the generator that follows). A linear critic comes to the solution of its linear system.
    let fit
        (options: OfflineEvaluationOptions)
        (model: PolicyModel)
        (episodes: RecordedEpisode[])
        (key: Rng)
        (workers: Workers)
        : struct ((RecordedEpisode -> struct (float[] * float[])) * Rng) =
        OfflineEvaluationOptions.validate options
        Guard.notEmpty (nameof episodes) episodes.Length
        let space, actionSpace = model.ObservationSpace, model.ActionSpace
        episodes |> Array.iteri (fun number -> RecordedEpisode.require space actionSpace "the data" number)
        let o, a = Encoding.size space, Encoding.size actionSpace
        let act, encode = actions model, encodedActions actionSpace

        let statistics =
            episodes
            |> Array.fold
                (fun statistics episode ->
                    let raw = encodedObservations space (RunningStatistics.create 0) episode
                    RunningStatistics.update (ReadOnlySpan(raw, 0, episode.Steps * o)) statistics)
                (RunningStatistics.create o)

        let returns =
            episodes
            |> Array.map (fun episode ->
                Array.foldBack (fun reward after -> reward + options.Discount * after) episode.Rewards 0.0)

        // Values of about 1, whatever the rewards.
        let scale =
            let size = returns |> Array.averageBy (fun value -> value * value) |> Math.Sqrt
            if size > 0.0 then 1.0 / size else 1.0

        let pieces =
            episodes
            |> Array.map (fun episode ->
                let seen = encodedObservations space statistics episode
                let own = encode episode.Actions episode.Steps
                let policy = encode (act episode) (episode.Steps + 1)
                let steps = episode.Steps

                let discount step =
                    if step = steps - 1 && episode.Terminated then
                        0.0f
                    else
                        float32 options.Discount

                seen[.. steps * o - 1],
                own,
                Array.map (fun reward -> float32 (scale * reward)) episode.Rewards,
                Array.init steps discount,
                seen[o..],
                policy[a..])

        let joined f = pieces |> Array.collect f

        let samples =
            Samples.OfRollout(
                1,
                [
                    observations o, joined (fun (s, _, _, _, _, _) -> s)
                    acts a, joined (fun (_, a, _, _, _, _) -> a)
                    rewards, joined (fun (_, _, r, _, _, _) -> r)
                    discounts, joined (fun (_, _, _, d, _, _) -> d)
                    nextObservations o, joined (fun (_, _, _, _, n, _) -> n)
                    nextActs a, joined (fun (_, _, _, _, _, p) -> p)
                ]
            )

        let count = samples[rewards].Length
        let critic = ActionCritic.create Activation.Relu o a options.Hidden 1
        let layout = ActionCritic.layout critic
        let value parameters seen acts = ActionCritic.value critic 0 parameters seen acts
        let plan: PlanOptions = { TotalSteps = int64 options.Steps }
        let rate = Rate.create "learningRate" (RateSchedule.linear options.LearningRate 0.0)

        let update =
            Update.create
                {
                    Name = "evaluation step"
                    Groups =
                        [
                            ParameterGroup.ofPart
                                "critic"
                                { First = 0; Layout = layout }
                                (ActorCritics.learns "optimiser" rate)
                            ParameterGroup.target "target" layout (GroupMotion.Follows("critic", options.TargetRate))
                        ]
                    Shape = SampleShape.steps options.BatchSize
                    MaxGradientNorm = 0.0
                    Loss =
                        fun batch ->
                            let y =
                                value (batch.Parameters "target") batch[nextObservations o] batch[nextActs a]
                                |> OffPolicy.target batch[rewards] batch[discounts]

                            value (batch.Parameters "critic") batch[observations o] batch[acts a]
                            |> fun q -> [ Term.mean "criticLoss" 1.0 (OffPolicy.criticLoss q y) ]
                }

        let struct (parameterKey, rest) = Rng.split key
        let struct (parameters, _) = Layout.initialise parameterKey layout
        let parameters = Array.map float32 parameters

        let arrays =
            update.Arrays
            |> List.map (fun (name, values) -> name, (if name = "target" then Array.copy parameters else values))

        update.Load(Draft(TrainingState.create (RecordedSpaces(space, actionSpace)) parameters arrays rest))
        let chosen = Array.zeroCreate<int> options.BatchSize
        let mutable key = rest

        for step in 0 .. options.Steps - 1 do
            for index in 0 .. chosen.Length - 1 do
                let struct (row, next) = Rng.below count key
                chosen[index] <- row
                key <- next

            Rate.set plan (int64 step) [ rate ] [ update ]
            update.Choose(samples, ArraySegment chosen)
            update.Run workers

        let seen, does = Expr.input "observations" [| Rows; o |], Expr.input "actions" [| Rows; a |]
        let theta = Expr.input "theta" [| layout.Count |]

        let program =
            Program.compile<float32>
                { Outputs = [ "values", value (Parameters.create layout theta) seen does ]; Carried = [] }

        let learned = (update.Group "critic").ToArray()

        let valuesOf (seen: float32[]) (acts: float32[]) count =
            let result = Array.zeroCreate<float> count
            program.Set("theta", ReadOnlySpan learned)

            for first in 0..Rows .. count - 1 do
                let rows = min Rows (count - first)
                ReadOnlySpan(seen, first * o, rows * o).CopyTo(program.Input "observations")
                ReadOnlySpan(acts, first * a, rows * a).CopyTo(program.Input "actions")
                program.Run()
                let values = program.Output "values"

                for row in 0 .. rows - 1 do
                    result[first + row] <- float values[row] / scale

            result

        let ofEpisode (episode: RecordedEpisode) =
            let seen = encodedObservations space statistics episode

            struct (valuesOf seen (encode episode.Actions episode.Steps) episode.Steps,
                    valuesOf seen (encode (act episode) (episode.Steps + 1)) (episode.Steps + 1))

        struct (ofEpisode, key)

    /// Estimates of what a policy would earn, discounted, from recorded episodes, each with its interval: by fitted Q
    /// evaluation alone, or with a behaviour policy, such as a clone of the data's (`filtered-bc` with `BestShare` 1),
    /// by all estimators: struct (estimates, the generator that follows).
    let evaluate
        (options: OfflineEvaluationOptions)
        (model: PolicyModel)
        (behaviour: PolicyModel option)
        (episodes: RecordedEpisode[])
        (key: Rng)
        (workers: Workers)
        : struct (OfflineEstimate list * Rng) =
        let struct (values, key) = fit options model episodes key workers

        let ratios =
            match behaviour with
            | None -> fun (episode: RecordedEpisode) -> Array.create episode.Steps 1.0
            | Some behaviour ->
                let own, others = logProbabilities model, logProbabilities behaviour

                fun episode ->
                    Array.map2
                        (fun own other -> Math.Min(options.LargestRatio, Math.Exp(own - other)))
                        (own episode)
                        (others episode)

        let weighed =
            episodes
            |> Array.map (fun episode ->
                let struct (actionValues, values) = values episode

                {
                    Rewards = episode.Rewards
                    Ratios = ratios episode
                    ActionValues = actionValues
                    Values = values
                    Terminated = episode.Terminated
                })

        let estimators = if behaviour.IsSome then OfflineEvaluation.all else [ OfflineEstimator.Values ]

        let estimates, key =
            List.mapFold
                (fun key estimator ->
                    let struct (estimate, key) =
                        OfflineEvaluation.withInterval
                            estimator
                            options.Discount
                            options.Confidence
                            options.Resamples
                            weighed
                            key

                    estimate, key)
                key
                estimators

        struct (estimates, key)
