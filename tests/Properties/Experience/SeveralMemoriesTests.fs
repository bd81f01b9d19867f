/// Draws from several memories are those of one: each row by its part of all priorities, with the same weights.
[<FsCheck.Xunit.Properties(Replay = "(4719073,4719091)", MaxTest = 60)>]
module Rl.Tests.Experience.SeveralMemoriesTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Objectives
open Xunit

/// Whole priorities of rows, not all 0, in memories of some lengths, of which some may be empty.
let private memoriesOf (seed: int) : float[][] =
    let random = Random seed

    let memories =
        Array.init (1 + random.Next 5) (fun _ -> Array.init (random.Next 6) (fun _ -> float (random.Next 4)))

    memories[random.Next memories.Length] <- [| 0.0; 3.0; 1.0 |]
    memories

let private treeOf (priorities: float[]) =
    let tree = SumTree(max 1 priorities.Length)
    priorities |> Array.iteri (fun index priority -> tree.Set(index, priority))
    tree

[<Property>]
let ``every point finds the row of one whole memory, so that each comes by its share of all priorities`` (seed: int) =
    let memories = memoriesOf seed
    let whole = Array.concat memories
    let one, several = treeOf whole, Array.map treeOf memories
    let masses = several |> Array.map _.Total
    let firsts = memories |> Array.scan (fun first memory -> first + memory.Length) 0
    let total = SeveralMemories.total masses
    Assert.Equal(one.Total, total)
    let counts = Array.zeroCreate<float> whole.Length

    // Priorities are whole, so that the midpoints of unit intervals are as good as all points.
    for unit in 0 .. int total - 1 do
        let point = float unit + 0.5
        let struct (memory, rest) = SeveralMemories.find masses point
        let row = firsts[memory] + several[memory].Find rest
        Assert.Equal(one.Find point, row)
        counts[row] <- counts[row] + 1.0

    Assert.Equal<float>(whole, counts)

[<Property>]
let ``weights are those of one whole memory, bit for bit`` (seed: int) =
    let memories = memoriesOf seed
    let whole = Array.concat memories
    let column = Column.number "numbered"
    let empty = Replay.create [ column ] 1 whole.Length
    let options = { Priority.defaults with Exponent = 1.0; Rule = PriorityRule.Proportional 0.0 }

    for scale in [ WeightScale.Batch; WeightScale.Unscaled; WeightScale.Ones ] do
        let known = Priorities<float32>({ options with Weights = scale }, whole.Length)
        known.Load(known.Initial, empty)
        let replay = Replay.append [ column, Array.init whole.Length float32 ] empty
        known.Append replay
        let all = Array.init whole.Length id
        known.Update<float>(replay, ReadOnlySpan all, ReadOnlySpan whole)
        let drawn = all |> Array.filter (fun row -> whole[row] > 0.0)
        let expected = Array.zeroCreate<float32> drawn.Length
        known.Weights(replay, ReadOnlySpan drawn, 0.7, Span expected)
        let powers = drawn |> Array.map (fun row -> whole[row])
        let total = memories |> Array.map Array.sum |> SeveralMemories.total
        Priority.weigh scale (float whole.Length) total 0.7 (Span powers)
        Assert.Equal<float32>(expected, Array.map float32 powers)

[<Property>]
let ``with the weights of all a mean over draws is that over all rows`` (seed: int) =
    let memories = memoriesOf seed |> Array.map (Array.map ((+) 1.0))
    let whole = Array.concat memories
    let total = memories |> Array.map Array.sum |> SeveralMemories.total
    let weights = Array.copy whole
    Priority.weigh WeightScale.Unscaled (float whole.Length) total 1.0 (Span weights)
    // Σ (p / Σ p) w x = mean x for any x: of unit vectors, (p / Σ p) w = 1 / n.
    for row in 0 .. whole.Length - 1 do
        Assert.Equal(1.0 / float whole.Length, whole[row] / total * weights[row], 14)

[<Property>]
let ``no memory of mass 0 is found and no point lies beyond its memory`` (seed: int) =
    let random = Random seed

    let masses =
        Array.init 6 (fun _ ->
            if random.Next 2 = 0 then
                0.0
            else
                random.NextDouble() * Math.Pow(10.0, float (random.Next 20)))

    masses[random.Next 6] <- 1e-3 + random.NextDouble()
    let total = SeveralMemories.total masses

    for point in [ 0.0; Math.BitDecrement total; total * random.NextDouble() ] do
        let struct (memory, rest) = SeveralMemories.find masses point
        Assert.True(masses[memory] > 0.0)
        Assert.InRange(rest, 0.0, Math.BitDecrement masses[memory])

[<Fact>]
let ``without any mass nothing can be drawn`` () =
    Assert.ThrowsAny<ArgumentException>(fun () -> SeveralMemories.find [| 0.0; 0.0 |] 0.0 |> ignore)
    |> ignore

[<Property>]
let ``stratified points lie one in each part, others anywhere, all below the total`` (seed: int) =
    let random = Random seed
    let size, total = 1 + random.Next 8, 0.1 + random.NextDouble()

    let uniforms =
        Array.init (3 * size) (fun index -> if index = size - 1 then Math.BitDecrement 1.0 else random.NextDouble())

    let stratified = SeveralMemories.points true size total uniforms

    for index in 0 .. stratified.Length - 1 do
        let part = float (index % size) * (total / float size)
        Assert.InRange(stratified[index], part, Math.BitDecrement total)
        Assert.True(stratified[index] <= part + total / float size)

    let anywhere = SeveralMemories.points false size total uniforms

    Assert.Equal<float>(
        uniforms |> Array.map (fun uniform -> min (uniform * total) (Math.BitDecrement total)),
        anywhere
    )

[<Property>]
let ``the ladder of exploration falls in equal ratios from the rate to its power`` (seed: int) =
    let random = Random seed
    let rate, steepness, copies = 0.05 + 0.9 * random.NextDouble(), 10.0 * random.NextDouble(), 2 + random.Next 10
    let rates = Array.init copies (fun copy -> Exploration.ladder rate steepness copy copies)
    Assert.Equal(rate, rates[0])
    Assert.Equal(Math.Pow(rate, 1.0 + steepness), rates[copies - 1], 14)
    let ratio = Math.Pow(rate, steepness / float (copies - 1))

    for copy in 1 .. copies - 1 do
        Assert.Equal(rates[copy - 1] * ratio, rates[copy], 12)

[<Fact>]
let ``the ladder has the numbers of the paper, and one rung for a copy alone`` () =
    // Horgan et al. 2018: ε = 0.4, α = 7; ε₀ = 0.4 and the last ε⁸.
    Assert.Equal(0.4, Exploration.ladder 0.4 7.0 0 360)
    Assert.Equal(0.00065536, Exploration.ladder 0.4 7.0 359 360, 12)
    Assert.Equal(0.4, Exploration.ladder 0.4 7.0 0 1)
    Assert.Equal(0.4, Exploration.ladder 0.4 0.0 5 9)
    Assert.ThrowsAny<ArgumentException>(fun () -> Exploration.ladder 0.4 -1.0 0 2 |> ignore) |> ignore
    Assert.ThrowsAny<ArgumentException>(fun () -> Exploration.ladder 0.4 7.0 2 2 |> ignore) |> ignore
    Assert.ThrowsAny<ArgumentException>(fun () -> Exploration.ladder 1.4 7.0 0 2 |> ignore) |> ignore
