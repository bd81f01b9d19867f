/// Targets of critics that look up to H imagined steps beyond the real one.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Objectives

/// Which of the returns of 0 … H imagined steps a target is.
[<RequireQualifiedAccess>]
type HorizonWeighting =
    /// All, each with the inverse of its variance among the ensembles as weight (Buckman et al. 2018).
    | InverseVariance
    /// That of H steps alone (Feinberg et al. 2018).
    | Longest

/// How many there are of each thing that targets are expanded with.
type internal ExpansionSizes =
    {
        /// B: transitions of a batch.
        Batch: int
        /// M: members that imagine, each a trajectory of its own from each s′.
        Members: int
        /// N: what is told of the reward of each imagined step: 1 where it is known, else one number a member.
        Rewards: int
        /// L.
        Critics: int
        Observations: int
        Actions: int
    }

/// What targets are expanded with. Rows are trajectories: row m · B + b is member m's from the s′ of transition b. Only
/// the first rows may be asked for.
type internal IImagination =
    /// Writes ā = π̄(s) [rows, actions], and q̄ₗ(s, ā) [L, rows] unless there is no place for them.
    abstract Judge: states: ReadOnlySpan<float32> * actions: Span<float32> * values: Span<float32> -> unit

    /// Writes what follows from states and actions of all rows: s′ [rows, observations], r̂ₙ [N, rows], and the
    /// probability that s′ is terminal [rows].
    abstract Step:
        states: ReadOnlySpan<float32> *
        actions: ReadOnlySpan<float32> *
        next: Span<float32> *
        rewards: Span<float32> *
        ends: Span<float32> ->
            unit

/// Tᵢ = r + c (Σⱼ γ^(j−1) D_(j−1) r̂ⱼ + γⁱ Dᵢ q̄(sᵢ, āᵢ)) with j from 1 to i, for each member, reward and critic: c is
/// what the value of s₀ = s′ counts, and Dᵢ the probability that none of s₁ … sᵢ is terminal. Their mean counts, and by
/// their variance the horizons i are weighted. A transition of which a trajectory leaves the finite numbers has no
/// longer horizon than the one before. Not thread-safe.
[<Sealed>]
type internal ExpandedTargets
    (sizes: ExpansionSizes, horizon: int, discount: float, weighting: HorizonWeighting, imagination: IImagination) =
    do
        Guard.notNegative (nameof horizon) horizon
        Guard.positive (nameof sizes.Batch) sizes.Batch

    let batch, members, rewardCount, critics = sizes.Batch, sizes.Members, sizes.Rewards, sizes.Critics
    let observations, rows = sizes.Observations, members * batch
    let states, next = Array.zeroCreate<float32>(rows * observations), Array.zeroCreate<float32>(rows * observations)
    let actions = Array.zeroCreate<float32>(rows * sizes.Actions)
    let values = Array.zeroCreate<float32>(critics * rows)
    let rewards, ends = Array.zeroCreate<float32>(rewardCount * rows), Array.zeroCreate<float32> rows
    // Σⱼ γ^(j−1) D_(j−1) r̂ⱼ [N, rows], and Dᵢ [rows].
    let sums, survival = Array.zeroCreate<float>(rewardCount * rows), Array.zeroCreate<float> rows
    // Of each transition the mean and variance of horizon i, and its longest horizon.
    let means, variances =
        Array.zeroCreate<float>(batch * (horizon + 1)), Array.zeroCreate<float>(batch * (horizon + 1))

    let longest = Array.zeroCreate<int> batch
    let estimates = Array.zeroCreate<float>(members * rewardCount * critics)
    let weights = Array.zeroCreate<float>(horizon + 1)
    let mutable steps, targets = 0.0, 0L

    /// Judges the states that horizon i ends in. At first all members stand at s′, which is judged once.
    let judge (i: int) (wantsValues: bool) =
        let count = if i = 0 then batch else rows

        imagination.Judge(
            ReadOnlySpan(states, 0, count * observations),
            Span(actions, 0, count * sizes.Actions),
            if wantsValues then Span(values, 0, critics * count) else Span.Empty
        )

        if i = 0 then
            let each = batch * sizes.Actions

            for m in 1 .. members - 1 do
                Array.Copy(actions, 0, actions, m * each, each)

    /// Mean and variance of transition b's values of horizon i over members, rewards and critics.
    let note (i: int) (power: float) (b: int) =
        let mutable count = 0

        for m in 0 .. members - 1 do
            let row = m * batch + b

            for n in 0 .. rewardCount - 1 do
                for l in 0 .. critics - 1 do
                    let value = if i = 0 then values[l * batch + b] else values[l * rows + row]
                    estimates[count] <- sums[n * rows + row] + power * survival[row] * float value
                    count <- count + 1

        let struct (mean, variance) = ValueExpansion.moments (ReadOnlySpan estimates)
        means[b * (horizon + 1) + i] <- mean
        variances[b * (horizon + 1) + i] <- variance

    let isFinite (b: int) =
        let mutable finite = true

        for m in 0 .. members - 1 do
            let row = m * batch + b

            if Guard.indexOfNonFinite (ReadOnlySpan(next, row * observations, observations)) >= 0 then
                finite <- false

            for n in 0 .. rewardCount - 1 do
                if not (Single.IsFinite rewards[n * rows + row]) then finite <- false

        finite

    /// All trajectories of transition b take the step that was imagined.
    let follow (power: float) (b: int) =
        for m in 0 .. members - 1 do
            let row = m * batch + b

            for n in 0 .. rewardCount - 1 do
                let place = n * rows + row
                sums[place] <- sums[place] + power * survival[row] * float rewards[place]

            survival[row] <- survival[row] * (1.0 - float ends[row])
            Array.Copy(next, row * observations, states, row * observations, observations)

    /// The value of transition b's s′, of which `weights` takes the shares of horizons.
    let mix (b: int) =
        let last = longest[b]
        let first = b * (horizon + 1)

        match weighting with
        | HorizonWeighting.Longest ->
            steps <- steps + float last
            means[first + last]
        | HorizonWeighting.InverseVariance ->
            ValueExpansion.inverseVariance (ReadOnlySpan(variances, first, last + 1)) (Span(weights, 0, last + 1))
            let mutable value = 0.0

            for i in 0..last do
                value <- value + weights[i] * means[first + i]
                steps <- steps + weights[i] * float i

            value

    /// Writes the targets [B] of transitions with the s′ [B, observations], rewards [B] and c [B].
    member _.Run(nextStates: float32[], ofStep: float32[], discounts: float32[], target: float32[]) : unit =
        Guard.length (nameof nextStates) (batch * observations) nextStates.Length
        Guard.length (nameof ofStep) batch ofStep.Length
        Guard.length (nameof discounts) batch discounts.Length
        Guard.length (nameof target) batch target.Length

        for m in 0 .. members - 1 do
            Array.Copy(nextStates, 0, states, m * batch * observations, batch * observations)

        Array.Clear sums
        Array.Fill(survival, 1.0)
        Array.Fill(longest, horizon)
        let mutable power = 1.0

        for i in 0..horizon do
            let wantsValues = i = horizon || weighting.IsInverseVariance
            judge i wantsValues

            if wantsValues then
                for b in 0 .. batch - 1 do
                    if longest[b] >= i then note i power b

            if i < horizon then
                imagination.Step(ReadOnlySpan states, ReadOnlySpan actions, Span next, Span rewards, Span ends)
                let mutable isJudged = wantsValues

                for b in 0 .. batch - 1 do
                    if longest[b] > i then
                        if isFinite b then
                            follow power b
                        else
                            longest[b] <- i

                            if not wantsValues then
                                // Those before it have gone on already; its own states have not.
                                if not isJudged then judge i true
                                isJudged <- true
                                note i power b

                power <- power * discount

        for b in 0 .. batch - 1 do
            target[b] <- float32 (float ofStep[b] + float discounts[b] * mix b)

        targets <- targets + int64 batch

    /// The mean horizon of the targets since the last `Reset`, each by its weights; NaN where there were none.
    member _.MeanHorizon: float = if targets = 0L then nan else steps / float targets

    /// Counts targets anew.
    member _.Reset() : unit =
        steps <- 0.0
        targets <- 0L
