/// Returns of sequences of actions by a learnt model: what a planner asks that cannot try them.
namespace Rl.Core.Algorithms

open System
open System.Collections.Generic
open Rl.Core.Foundations
open Rl.Core.Planning

/// What imagined trajectories draw. Rows are particles: row s · P + p is particle p of sequence s.
type internal IParticleDraws =
    /// Writes the row of each place; the first rows / members places are those of the first member, and so on.
    abstract Deal: rowAt: Span<int> -> unit
    /// Writes standard normal numbers, row by row.
    abstract Fill: noise: Span<float32> -> unit

/// Draws from a key that moves on.
[<Sealed>]
type internal KeyDraws(start: Rng) =
    let mutable key = start

    /// What further draws come from.
    member _.Key
        with get () = key
        and set (value: Rng) = key <- value

    interface IParticleDraws with
        member _.Deal(rowAt) =
            for index in 0 .. rowAt.Length - 1 do
                rowAt[index] <- index

            key <- Rng.shuffle rowAt key

        member _.Fill(noise) = key <- Rng.normals noise key

/// What planning with a model needs of it.
type ModelPlanning =
    {
        /// P: trajectories of each sequence, whose mean return counts.
        Particles: int
        /// How they go on from step to step.
        Propagation: Propagation
        /// The numbers of an observation.
        Observations: int
        /// What is known of the task; where rewards are not, the model has to have learnt them.
        Known: KnownTask
    }

/// Judges sequences of actions from an observation by the mean of P imagined trajectories. What follows an imagined end
/// counts nothing; a sequence whose trajectories leave the finite numbers has the return −∞. Trajectories are imagined
/// some at a time, whatever their number. Not thread-safe.
[<Sealed>]
type ModelReturns(network: ModelNetwork, planning: ModelPlanning, elites: int, workers: Workers) =
    let particles, observations = planning.Particles, planning.Observations
    let actions, numbers = network.Layers.Inputs - observations, network.Numbers
    let isMean = planning.Propagation.IsExpectation

    do
        Guard.positive (nameof planning.Particles) particles

        if elites < 2 && not isMean then
            Guard.fail
                (nameof planning.Propagation)
                ($"Propagation samples trajectories of members of an ensemble, and there is {elites} to draw from: use "
                 + "an ensemble of at least 2 elites, or the propagation expectation.")

        if planning.Known.Reward.IsNone && numbers <= observations then
            Guard.fail
                (nameof planning.Known)
                ("The model has not learnt rewards, and those of the task are not known: learn them with the model "
                 + "(ImaginedRewards = learnt).")

    // Rows at once: a whole number of sequences, dealt to members in equal parts.
    let most = 1024
    // Of each number of rows that was asked for.
    let steps = Dictionary<int, ModelStep>()
    let mutable load: ModelStep -> unit = ignore
    let start = Array.zeroCreate<float32> observations
    let mutable rowAt: int[] = [||]
    let mutable current: float32[] = [||]
    let mutable noise: float32[] = [||]
    let mutable isOver: bool[] = [||]
    let mutable returns: float[] = [||]

    /// The rows of `sequences` sequences, filled up so that members have equal parts.
    let rowsFor sequences =
        let wanted = sequences * particles
        if isMean then wanted else (wanted + elites - 1) / elites * elites

    let provide rows =
        if returns.Length < rows then
            current <- Array.zeroCreate (rows * observations)
            noise <- Array.zeroCreate (if network.IsGaussian then rows * numbers else 0)
            isOver <- Array.zeroCreate rows
            returns <- Array.zeroCreate rows
            rowAt <- Array.zeroCreate rows

        match steps.TryGetValue rows with
        | true, known -> known
        | _ ->
            let each = if isMean then rows else rows / elites
            let made = ModelStep(network, observations, elites, each, planning.Propagation)
            load made
            steps[rows] <- made
            made

    /// What a step gives a row that is at `place`, and whether it is over.
    let account (made: ModelStep) (given: ReadOnlySpan<float32>) row place =
        let next = made.Next.Slice(place * observations, observations)

        if not isOver[row] then
            let before = ReadOnlySpan(current, row * observations, observations)

            let struct (reward, ends) =
                KnownTasks.outcome planning.Known before given next made.Rewards made.Terminations place

            if Double.IsFinite reward && Guard.indexOfNonFinite next < 0 then
                returns[row] <- returns[row] + reward
                isOver[row] <- ends
            else
                returns[row] <- Double.NegativeInfinity
                isOver[row] <- true

        if not isOver[row] then
            next.CopyTo(Span(current, row * observations, observations))

    /// The mean returns of some sequences.
    let judge (draws: IParticleDraws) rows (sequences: ReadOnlySpan<float32>) horizon (target: Span<float>) =
        let made = provide rows
        Array.Clear(isOver, 0, rows)
        Array.Clear(returns, 0, rows)

        for row in 0 .. rows - 1 do
            ReadOnlySpan(start).CopyTo(Span(current, row * observations, observations))

        for t in 0 .. horizon - 1 do
            if t = 0 || planning.Propagation.IsTrajectorySampling then
                if isMean then
                    for row in 0 .. rows - 1 do
                        rowAt[row] <- row
                else
                    draws.Deal(Span(rowAt, 0, rows))

            if noise.Length > 0 then draws.Fill(Span(noise, 0, rows * numbers))

            for place in 0 .. rows - 1 do
                let row = rowAt[place]
                // Rows that fill up the members' parts follow the last sequence.
                let sequence = min (row / particles) (target.Length - 1)
                let given = sequences.Slice((sequence * horizon + t) * actions, actions)
                given.CopyTo(made.Actions.Slice(place * actions, actions))

                ReadOnlySpan(current, row * observations, observations)
                    .CopyTo(made.Observations.Slice(place * observations, observations))

                if noise.Length > 0 then
                    ReadOnlySpan(noise, row * numbers, numbers).CopyTo(made.Noise.Slice(place * numbers, numbers))

            made.Run workers

            for place in 0 .. rows - 1 do
                let row = rowAt[place]
                account made (Span.op_Implicit (made.Actions.Slice(place * actions, actions))) row place

        for sequence in 0 .. target.Length - 1 do
            let mutable sum = 0.0

            for particle in 0 .. particles - 1 do
                sum <- sum + returns[sequence * particles + particle]

            target[sequence] <- sum / float particles

    let draws = KeyDraws(Rng.create 0UL)

    /// Judges with these draws.
    member internal _.JudgeWith
        (draws: IParticleDraws, sequences: ReadOnlySpan<float32>, horizon: int, target: Span<float>)
        : unit =
        Guard.positive (nameof horizon) horizon
        Guard.length "actions" (target.Length * horizon * actions) sequences.Length
        // In equal parts, so that one program does all of them.
        let parts = (target.Length * particles - 1) / most + 1
        let together = (target.Length - 1) / parts + 1
        let rows, each = rowsFor together, horizon * actions
        let mutable first = 0

        while first < target.Length do
            let count = min together (target.Length - first)
            judge draws rows (sequences.Slice(first * each, count * each)) horizon (target.Slice(first, count))
            first <- first + count

    /// Takes over a frame and the elites' parameters, which `parameters` gives by member.
    member _.Load(frame: ModelFrame, members: int[], parameters: int -> ReadOnlyMemory<float32>) : unit =
        Guard.length (nameof members) elites members.Length
        load <- fun made -> made.Load(frame, ReadOnlySpan members, parameters)

        for made in steps.Values do
            load made

    /// Where sequences are judged from, in units of the environment, and what further draws come from.
    member _.Start(observation: ReadOnlySpan<float32>, key: Rng) : unit =
        Guard.length (nameof observation) observations observation.Length
        observation.CopyTo(Span start)
        draws.Key <- key

    /// The generator that follows all draws so far.
    member _.Key = draws.Key

    interface ISequenceReturns with
        member this.Judge(actions, horizon, returns) = this.JudgeWith(draws, actions, horizon, returns)
