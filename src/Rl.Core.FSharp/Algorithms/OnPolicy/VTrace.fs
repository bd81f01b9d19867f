/// Learning from rollouts of policies that are older than the one that learns: V-trace in the place of generalised
/// advantages.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// How rollouts of an older policy μ are corrected for the policy π that learns (Espeholt et al. 2018).
type VTraceOptions =
    {
        /// ρ̄: what values learn from has ratios π / μ of at most this. 1: values are those of a policy between μ and
        /// π; the larger, the nearer to π's, and the noisier.
        RatioClip: float
        /// What the policy learns from has ratios π / μ of at most this.
        PolicyRatioClip: float
        /// Acts with the policy of so many updates before, as workers do that do not wait: what that costs can be tried
        /// in one process, with the same bits each time. 0 in a cluster, where policies are as old as they are.
        PolicyLag: int
    }

[<RequireQualifiedAccess>]
module VTraceOptions =
    let private o = Unchecked.defaultof<VTraceOptions>

    /// The paper's: both ratios at most 1. Whoever acts has the present policy.
    let defaults = { RatioClip = 1.0; PolicyRatioClip = 1.0; PolicyLag = 0 }

    let rows: OptionRow<VTraceOptions> list =
        [
            Options.number (nameof o.RatioClip) Range.positive _.RatioClip (fun v c -> { c with RatioClip = v })
            Options.number (nameof o.PolicyRatioClip) Range.positive _.PolicyRatioClip (fun v c ->
                { c with PolicyRatioClip = v })
            Options.whole (nameof o.PolicyLag) (Range.within 0.0 1000.0) _.PolicyLag (fun v c ->
                { c with PolicyLag = v })
        ]

    /// Rows of which λ is V-trace's.
    let withTraces (rows: OptionRow<'C> list) : OptionRow<'C> list =
        let r = Unchecked.defaultof<OnPolicyOptions>

        rows
        |> Options.meaning
            (nameof r.GaeLambda)
            ("The λ of V-trace, whose traces are c = λ min(1, π / μ): 1 looks as far ahead as the rollout goes, 0 one "
             + "step.")

/// Rollouts of policies that may be older than the one that learns, with V-trace as their credit.
[<RequireQualifiedAccess>]
module internal VTrace =

    let private lagging (updates: int) = $"laggedParameters{updates}"

    [<Literal>]
    let private TargetName = "targetParameters"

    /// How old the policy acts in a state: no older than there are.
    let private depth (options: VTraceOptions) (state: TrainingState) =
        int (min (int64 options.PolicyLag) state.Updates)

    /// θ of whoever acts in a state.
    let private acting (options: VTraceOptions) (state: TrainingState) : float32[] =
        match depth options state with
        | 0 -> state.Parameters
        | updates -> state.Array(lagging updates)

    /// The arrays after a transition from a state: what learned moves to those that lag by one more.
    let private shifted (options: VTraceOptions) (state: TrainingState) : (string * float32[]) list =
        let moved =
            dict [ for updates in 2 .. options.PolicyLag -> lagging updates, state.Array(lagging (updates - 1)) ]

        state.Arrays
        |> List.map (fun (name, values) ->
            if name = lagging 1 then
                name, state.Parameters
            else
                match moved.TryGetValue name with
                | true, before -> name, before
                | _ -> name, values)

    /// What copies in other processes cannot do.
    let private bindElsewhere (options: VTraceOptions) (rollouts: RolloutOptions) (elsewhere: IRolloutsElsewhere) =
        if options.PolicyLag > 0 then
            Guard.fail
                (nameof options.PolicyLag)
                ($"PolicyLag is {options.PolicyLag}, and the copies act in other processes, whose policies are as old "
                 + "as they are: leave it at 0.")

        if rollouts.NormaliseRewards then
            Guard.fail
                (nameof rollouts.NormaliseRewards)
                ("NormaliseRewards follows the return of each copy from rollout to rollout, and copies in other "
                 + "processes do not wait for each other: leave it off and scale rewards in the environment, or train "
                 + "in one process.")

        elsewhere.MayLag()

    /// What acts, and how its rollouts are credited: for the policy π of the state, or for a target that becomes it at
    /// every `targetInterval`-th update. The old log-probabilities that it gives are ln max(π, μ / `largestRatio`), so
    /// that π_θ over them is min(μ / π, largestRatio) · π_θ / μ.
    let correct
        (options: VTraceOptions)
        (targetInterval: int)
        (largestRatio: float)
        (environment: BatchEnvironment)
        (workers: Workers)
        (network: ActorCritic)
        (rollouts: RolloutOptions)
        : RolloutCorrection =
        let source = RolloutSource(network, environment, rollouts, workers)

        let elsewhere =
            match box environment with
            | :? IRolloutsElsewhere as elsewhere ->
                bindElsewhere options rollouts elsewhere
                Some elsewhere
            | _ -> None

        let columns, samples, copies = source.Columns, source.Samples, environment.Count
        let evaluation = RolloutEvaluation(network, columns, copies, rollouts.Steps, rollouts.Sequence, workers)
        let count = (ActorCritic.layout network).Count
        let logProbabilities = Array.zeroCreate<float32> samples
        let values = Array.zeroCreate<float32> samples
        let ratios = Array.zeroCreate<float32> samples
        let errors = Array.zeroCreate<float32> samples
        let advantages = Array.zeroCreate<float32> samples
        let returns = Array.zeroCreate<float32> samples
        let old = Array.zeroCreate<float32> samples
        let logLargest = float32 (log largestRatio)
        let lag = ref (RolloutLag.Of 0)
        let clipped = ref 0

        /// The state with the target that its update has.
        let aimed (state: TrainingState) : TrainingState =
            if targetInterval > 1 && state.Updates % int64 targetInterval = 0L then
                { state with Arrays = NamedArrays.replace TargetName state.Parameters state.Arrays }
            else
                state

        let credit (target: float32[]) (collected: CreditedRollout) : CreditedRollout =
            let rollout = collected.Rollout
            evaluation.Run(target, collected.Samples, logProbabilities, values)
            clipped.Value <- 0

            for index in 0 .. samples - 1 do
                let behaviour = rollout.LogProbabilities[index]
                let ratio = MathF.Exp(logProbabilities[index] - behaviour)
                ratios[index] <- ratio
                if float ratio > options.RatioClip then clipped.Value <- clipped.Value + 1
                old[index] <- MathF.Max(logProbabilities[index], behaviour - logLargest)

            let steps =
                RolloutSteps<float32>(
                    copies,
                    float32 rollouts.Discount,
                    float32 rollouts.GaeLambda,
                    ReadOnlySpan collected.Rewards,
                    ReadOnlySpan values,
                    ReadOnlySpan(rollout.NextValues, samples - copies, copies),
                    ReadOnlySpan rollout.Terminated,
                    ReadOnlySpan rollout.Truncated,
                    ReadOnlySpan rollout.NextValues
                )

            let weights = ReadOnlySpan<float32> ratios
            Corrections.RolloutVTrace(steps, weights, float32 options.RatioClip, Span errors)

            Corrections.RolloutVTraceAdvantages(
                steps,
                weights,
                ReadOnlySpan errors,
                float32 options.PolicyRatioClip,
                Span advantages
            )

            for index in 0 .. samples - 1 do
                returns[index] <- errors[index] + values[index]

            { collected with
                Rollout = { rollout with Values = values }
                Samples =
                    collected.Samples.With
                        [
                            columns.OldLogProbabilities, old
                            columns.Advantages, advantages
                            columns.Returns, returns
                            columns.OldValues, values
                        ]
                Advantages = advantages
                Returns = returns
            }

        let collect (given: TrainingState) : CreditedRollout =
            let state = aimed given
            let struct (rollout, acted) = source.Act { state with Parameters = acting options state }

            lag.Value <-
                match elsewhere with
                | Some elsewhere -> elsewhere.Lag
                | None -> RolloutLag.Of(depth options state)

            let before = { state with Arrays = acted.Arrays }
            let acted = { acted with Parameters = state.Parameters; Arrays = shifted options before }
            let target = if targetInterval > 1 then acted.Array TargetName else state.Parameters
            source.Credit(state, rollout, acted, rollout.Rewards) |> credit target

        {
            Source = source
            Arrays =
                [
                    if targetInterval > 1 then TargetName, Array.zeroCreate<float32> count
                    for updates in 1 .. options.PolicyLag do
                        lagging updates, Array.zeroCreate<float32> count
                ]
            Collect = collect
            Metrics =
                fun () ->
                    [|
                        struct ("clippedRatios", float clipped.Value / float samples)
                        struct ("lag", lag.Value.Mean)
                        struct ("largestLag", float lag.Value.Largest)
                        struct ("droppedSteps", float lag.Value.DroppedSteps)
                    |]
        }
