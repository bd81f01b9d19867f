/// Epochs of minibatches: all units of the samples in a new random order each, a few at a time.
namespace Rl.Core.Learning

open System
open Rl.Core.Foundations

/// Some units of the samples, and where they come in a transition.
[<Struct>]
type Minibatch =
    {
        /// From 1.
        Epoch: int
        /// Within its epoch, from 1.
        Number: int
        /// The units' numbers; valid until the next minibatch.
        Units: ArraySegment<int>
    }

/// Units of samples in random order, cut into `count` minibatches of `size`; the few left over are other ones in each
/// epoch.
[<Sealed>]
type Minibatches private (units: int, count: int, size: int) =
    let order = Array.zeroCreate<int> units

    /// As few minibatches as there can be of no more than `largest` units.
    static member OfLargest(units: int, largest: int) =
        Guard.positive (nameof units) units
        Guard.positive (nameof largest) largest
        let count = 1 + (units - 1) / largest
        Minibatches(units, count, units / count)

    /// This many minibatches of as many units as there are for each.
    static member OfCount(units: int, count: int) =
        Guard.inIntRange (nameof count) 1 units count
        Minibatches(units, count, units / count)

    /// As many minibatches of `size` as there are.
    static member OfSize(units: int, size: int) =
        Guard.inIntRange (nameof size) 1 units size
        Minibatches(units, units / size, size)

    /// Units in a minibatch.
    member _.Size = size
    /// Minibatches in an epoch.
    member _.Count = count

    /// Calls `learn` with each minibatch of at most `epochs` epochs, until `isDone` says so after one: struct
    /// (epochs, the generator that follows). It starts from the same order each time, so that the generator alone
    /// says what comes.
    member _.RunUntil(epochs: int, key: Rng, learn: Minibatch -> unit, isDone: unit -> bool) : struct (int * Rng) =
        for index in 0 .. units - 1 do
            order[index] <- index

        let mutable key = key
        let mutable epoch = 0
        let mutable finished = false

        while epoch < epochs && not finished do
            epoch <- epoch + 1
            key <- Rng.shuffle (Span order) key

            for number in 1..count do
                learn { Epoch = epoch; Number = number; Units = ArraySegment(order, (number - 1) * size, size) }

            finished <- isDone ()

        struct (epoch, key)

    /// Calls `learn` with each minibatch of some epochs; gives the generator that follows.
    member this.Run(epochs: int, key: Rng, learn: Minibatch -> unit) : Rng =
        let struct (_, key) = this.RunUntil(epochs, key, learn, (fun () -> false))
        key
