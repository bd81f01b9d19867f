/// The environment as the judge of sequences of actions: copies of its state are stepped side by side.
namespace Rl.Core.Planning

open System
open Rl.Core.Environments
open Rl.Core.Foundations

/// The return of a sequence is Σ γᵗ rₜ until its end or the end of the episode; time limits do not count, since they
/// are not part of the state. Where steps are a matter of chance it is the mean over `particles` copies, each with
/// draws of its own, split from the key of `Begin`. The places of the simulator are used at once: K sequences of P
/// particles need no more than there are, and are judged in parts otherwise.
[<Sealed>]
type EnvironmentReturns(simulator: Simulator, discount: float, particles: int) =
    do
        Guard.inRange (nameof discount) 0.0 1.0 discount
        Guard.inIntRange (nameof particles) 1 simulator.Places particles

    let width = simulator.ActionSpace.Size
    let places = simulator.Places
    let actions = Array.zeroCreate<float32>(places * width)
    let outcomes = Array.zeroCreate<Outcome> places
    // Places whose episode has ended are moved behind those that live; which sequence each belongs to.
    let owners = Array.zeroCreate<int> places
    let mutable steps = 0L

    let judge (sequences: ReadOnlySpan<float32>) (horizon: int) (returns: Span<float>) =
        let count = returns.Length * particles
        simulator.Spread(0, count)
        returns.Clear()

        for place in 0 .. count - 1 do
            owners[place] <- place / particles

        let mutable alive = count
        let mutable weight = 1.0
        let mutable t = 0

        while t < horizon && alive > 0 do
            if width = 1 then
                for place in 0 .. alive - 1 do
                    actions[place] <- sequences[owners[place] * horizon + t]
            else
                for place in 0 .. alive - 1 do
                    sequences
                        .Slice((owners[place] * horizon + t) * width, width)
                        .CopyTo(Span(actions, place * width, width))

            simulator.Step(0, alive, ReadOnlySpan(actions, 0, alive * width), Span(outcomes, 0, alive))
            steps <- steps + int64 alive
            // From the last place on, so that one that moves into a gap has been seen already.
            let stepped = alive

            for place in stepped - 1 .. -1 .. 0 do
                let outcome = outcomes[place]
                let owner = owners[place]
                returns[owner] <- returns[owner] + weight * outcome.Reward

                if outcome.Terminated || outcome.Truncated then
                    alive <- alive - 1

                    if place < alive then
                        simulator.Copy(alive, place)
                        owners[place] <- owners[alive]

            weight <- weight * discount
            t <- t + 1

        if particles > 1 then
            for index in 0 .. returns.Length - 1 do
                returns[index] <- returns[index] / float particles

    /// Model steps so far.
    member _.Steps = steps

    /// Sequences are judged from the present state of a copy of the batch from now on, which shows `observation`, with
    /// draws from the key.
    member _.Begin(copy: int, observation: ReadOnlySpan<float32>, key: Rng) : unit =
        simulator.Begin(copy, observation)
        simulator.Seed key

    interface ISequenceReturns with
        member _.Judge(sequences, horizon, returns) =
            Guard.positive (nameof horizon) horizon
            Guard.length (nameof sequences) (returns.Length * horizon * width) sequences.Length
            let most = places / particles
            let mutable first = 0

            while first < returns.Length do
                let count = min most (returns.Length - first)
                let part = sequences.Slice(first * horizon * width, count * horizon * width)
                judge part horizon (returns.Slice(first, count))
                first <- first + count
