/// Episodic novelty: rewards for embeddings that are far from what the episode has seen.
namespace Rl.Core.Objectives

open System
open Rl.Core.Foundations

/// A ring of the embeddings of an episode and the running mean of distances in it.
type EpisodicMemory =
    {
        /// The embeddings, oldest first once the ring is full; a row that was never written is empty.
        Rows: float[][]
        /// Where the next embedding goes; the capacity means the front again.
        Next: int
        /// The sum of all squared distances to neighbours so far.
        DistanceSum: float
        /// Their number.
        DistanceCount: int
    }

/// The constants of the novelty reward.
type EpisodicNovelty =
    {
        /// How many neighbours are looked at.
        Neighbours: int
        /// What the reward is multiplied by.
        Scale: float
        /// Added to the similarity and, as in the reference implementation, taken from the mean distance, which must
        /// exceed it.
        Constant: float
        /// The kernel's ε.
        KernelEpsilon: float
        /// Relative distances below this count as none.
        ClusterDistance: float
        /// Beyond this similarity the reward is 0.
        LargestSimilarity: float
    }

/// Nearest neighbours and the episodic reward of "Never give up" (Badia et al. 2020, algorithm 1).
[<RequireQualifiedAccess>]
module EpisodicMemory =

    /// The constants of the paper.
    let defaults =
        {
            Neighbours = 10
            Scale = 1.0
            Constant = 1e-3
            KernelEpsilon = 1e-4
            ClusterDistance = 8e-3
            LargestSimilarity = 8.0
        }

    /// An empty memory of `capacity` ≥ 1 embeddings.
    let create (capacity: int) : EpisodicMemory =
        Guard.positive (nameof capacity) capacity

        { Rows = Array.create capacity [||]; Next = 0; DistanceSum = 0.0; DistanceCount = 0 }

    let private squaredDistance (a: float[]) (b: float[]) =
        let mutable total = 0.0

        for i in 0 .. a.Length - 1 do
            total <- total + (a[i] - b[i]) * (a[i] - b[i])

        total

    /// The `count` rows (all, if there are fewer) of `data` nearest to `query` by squared Euclidean distance, nearest
    /// first (the earlier of equals): struct (index, distance).
    let nearest (count: int) (data: float[][]) (query: float[]) : struct (int * float)[] =
        Guard.positive (nameof count) count
        data |> Array.iter (fun row -> Guard.length (nameof query) row.Length query.Length)
        let distances = data |> Array.map (squaredDistance query)

        Array.init data.Length id
        |> Array.sortBy (fun index -> distances[index])
        |> Array.truncate count
        |> Array.map (fun index -> struct (index, distances[index]))

    /// The rewards of new embeddings against the memory as it was, and the memory with them in it. Where the memory has
    /// fewer than k embeddings the missing neighbours are zero vectors. Distances d² are taken relative to their
    /// running mean: k(x, y) = ε / (d²/mean + ε), reward = scale / (√Σk + c).
    let step
        (novelty: EpisodicNovelty)
        (embeddings: float[][])
        (memory: EpisodicMemory)
        : struct (float[] * EpisodicMemory) =
        let capacity = memory.Rows.Length
        Guard.inIntRange "Neighbours" 1 capacity novelty.Neighbours
        Guard.inIntRange "embeddings.Length" 1 capacity embeddings.Length
        let seen = memory.Rows |> Array.filter (fun row -> row.Length > 0)

        let distances =
            embeddings
            |> Array.map (fun embedding ->
                embedding |> Array.iter (Guard.finite (nameof embeddings))
                let known = min novelty.Neighbours seen.Length

                let found =
                    if known = 0 then
                        [||]
                    else
                        nearest known seen embedding |> Array.map (fun struct (_, distance) -> distance)

                let missing = squaredDistance embedding (Array.zeroCreate embedding.Length)
                Array.append found (Array.create (novelty.Neighbours - known) missing))

        let sum = memory.DistanceSum + Array.sumBy Array.sum distances
        let count = memory.DistanceCount + novelty.Neighbours * embeddings.Length
        // The reference keeps negated distances, so that its constant lowers the mean instead of raising it.
        let mean = sum / float count - novelty.Constant

        let reward (neighbours: float[]) =
            let kernel distance =
                // Without a mean distance nothing is far.
                let relative = if mean > 0.0 then distance / mean else 0.0
                let rate = Math.Max(relative - novelty.ClusterDistance, 0.0)
                novelty.KernelEpsilon / (rate + novelty.KernelEpsilon)

            let similarity = sqrt (Array.sumBy kernel neighbours) + novelty.Constant

            if similarity > novelty.LargestSimilarity then
                0.0
            else
                novelty.Scale / similarity

        let rows = Array.copy memory.Rows
        embeddings |> Array.iteri (fun i embedding -> rows[(memory.Next + i) % capacity] <- embedding)

        struct (Array.map reward distances,
                {
                    Rows = rows
                    Next = memory.Next % capacity + embeddings.Length
                    DistanceSum = sum
                    DistanceCount = count
                })
