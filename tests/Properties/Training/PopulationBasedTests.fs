/// Population-based training: who copies whom, and where perturbed options lie.
namespace Rl.Tests.Training

open System
open FsCheck.FSharp
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Training
open Xunit

/// Populations and the numbers among their options.
module PopulationBasedInstances =

    /// Scores among which ties and failures are common, a fraction and a seed.
    type Selection = { Scores: float[]; Fraction: float; Seed: uint64 }

    /// A number within its range.
    type Explored = { Number: ExploredNumber; Value: float }

    let private score =
        Gen.frequency
            [
                4, Gen.choose (0, 6) |> Gen.map float
                3, Gen.choose (-1000, 1000) |> Gen.map (fun n -> float n / 7.0)
                1, Gen.elements [ nan; infinity; -infinity ]
            ]

    let private selection =
        gen {
            let! count = Gen.choose (2, 40)
            let! scores = Gen.arrayOfLength count score
            let! percent = Gen.choose (1, 50)
            let! seed = Gen.choose (0, Int32.MaxValue)
            return { Scores = scores; Fraction = float percent / 100.0; Seed = uint64 seed }
        }

    let private explored =
        gen {
            let! isWhole = Gen.elements [ true; false ]
            let! ofComplement = Gen.elements [ true; false ]
            let! low = Gen.choose (-30, 60)
            let! width = Gen.choose (0, 60)
            let! place = Gen.choose (0, 1000)
            // Discounts lie below 1, and are no whole numbers.
            let scale = if ofComplement then 1.0 / 91.0 else 1.0
            let low, high = float low * scale, float (low + width) * scale
            let value = low + (high - low) * float place / 1000.0
            let isWhole = isWhole && not ofComplement

            return
                {
                    Number = { Low = low; High = high; OfComplement = ofComplement; IsWhole = isWhole }
                    Value = if isWhole then Math.Round value else value
                }
        }

    type Generators =
        static member Selection() = Arb.fromGen selection
        static member Explored() = Arb.fromGen explored

[<FsCheck.Xunit.Properties(Replay = "(4719201,4719203)",
                           MaxTest = 300,
                           Arbitrary = [| typeof<PopulationBasedInstances.Generators> |])>]
module PopulationBasedTests =
    open PopulationBasedInstances

    let private exploit (given: Selection) =
        let struct (sources, _) = PopulationBased.exploit given.Fraction given.Scores (Rng.create given.Seed)
        sources

    let private hasFailed (given: Selection) index = not (Double.IsFinite given.Scores[index])

    let private places (given: Selection) =
        let places = Array.zeroCreate<int> given.Scores.Length
        PopulationBased.ranked given.Scores |> Array.iteri (fun place index -> places[index] <- place)
        places

    [<Property>]
    let ``members are ranked by score, of equal ones the earlier first, those that failed last`` (given: Selection) =
        let order = PopulationBased.ranked given.Scores

        Array.sort order = Array.init given.Scores.Length id
        && order
           |> Array.pairwise
           |> Array.forall (fun (one, other) ->
               match hasFailed given one, hasFailed given other with
               | true, true -> one < other
               | false, true -> true
               | true, false -> false
               | false, false ->
                   given.Scores[one] > given.Scores[other] || (given.Scores[one] = given.Scores[other] && one < other))

    [<Property>]
    let ``a population keeps its size, and each member is itself or another`` (given: Selection) =
        let sources = exploit given

        sources.Length = given.Scores.Length
        && sources |> Array.forall (fun source -> source >= 0 && source < given.Scores.Length)

    [<Property>]
    let ``only the worst and the failed copy, and only the best are copied`` (given: Selection) =
        let members = given.Scores.Length
        let count = PopulationBased.truncated given.Fraction members
        let places = places given

        exploit given
        |> Array.indexed
        |> Array.filter (fun (index, source) -> index <> source)
        |> Array.forall (fun (index, source) ->
            places[source] < count
            && (places[index] >= members - count || hasFailed given index)
            && not (hasFailed given source)
            && (hasFailed given index || given.Scores[source] > given.Scores[index]))

    [<Property>]
    let ``whoever is copied stays as it is, and so does the best`` (given: Selection) =
        let sources = exploit given
        let best = (PopulationBased.ranked given.Scores)[0]
        sources[best] = best && sources |> Array.forall (fun source -> sources[source] = source)

    [<Property>]
    let ``every one of the worst copies where one of the best is better`` (given: Selection) =
        let members = given.Scores.Length
        let count = PopulationBased.truncated given.Fraction members
        let order = PopulationBased.ranked given.Scores
        let best = order[0]
        let sources = exploit given

        let must index =
            not (hasFailed given best) && (hasFailed given index || given.Scores[best] > given.Scores[index])

        order[members - count ..] |> Array.forall (fun index -> must index = (sources[index] <> index))
        && Array.init members id
           |> Array.filter (hasFailed given)
           |> Array.forall (fun index -> must index = (sources[index] <> index))

    [<Property>]
    let ``equal scores copy nobody`` (given: Selection) =
        let equal = { given with Scores = Array.create given.Scores.Length 3.0 }
        exploit equal = Array.init given.Scores.Length id

    [<Property>]
    let ``the same seed gives the same`` (given: Selection) (explored: Explored) =
        let number, value = explored.Number, explored.Value
        let key = Rng.create given.Seed

        exploit given = exploit given
        && PopulationBased.perturb number value key = PopulationBased.perturb number value key

    [<Property>]
    let ``scores in other units change nothing`` (given: Selection) =
        exploit { given with Scores = given.Scores |> Array.map (fun score -> 4.0 * score) } = exploit given

    [<Property>]
    let ``a perturbed number is 0.8 or 1.2 times what it was, or at an end of its range``
        (explored: Explored)
        (seed: uint64)
        =
        let number, value = explored.Number, explored.Value
        let struct (moved, _) = PopulationBased.perturb number value (Rng.create seed)

        let of' (factor: float) = if number.OfComplement then 1.0 - factor * (1.0 - value) else factor * value

        let near one other = abs (one - other) <= 1e-12 * (1.0 + abs other)
        let inside = moved >= number.Low && moved <= number.High

        let isOne =
            [ 0.8; 1.2 ]
            |> List.exists (fun factor ->
                let free = of' factor

                if number.IsWhole then
                    // At least one further, where there is room.
                    moved = Math.Round moved
                    && (abs (moved - free) <= 1.0 + 1e-9 || moved = number.Low || moved = number.High)
                    && (moved <> value || value = number.Low || value = number.High)
                else
                    near moved (Math.Clamp(free, number.Low, number.High)))

        inside && isOne

    [<Fact>]
    let ``numbers grow as often as they shrink, and each of the best is copied as often`` () =
        let wide = { Low = 0.0; High = 10.0; OfComplement = false; IsWhole = false }
        let keys = Array.init 4000 (fun seed -> Rng.create (uint64 seed))

        let grown =
            keys
            |> Array.filter (fun key ->
                let struct (moved, _) = PopulationBased.perturb wide 1.0 key
                moved > 1.0)

        // Four standard deviations of 4,000 tosses.
        Assert.InRange(grown.Length, 2000 - 127, 2000 + 127)
        let scores = [| 5.0; 1.0; 3.0; 4.0; 2.0; 6.0; 3.0; 3.0; 3.0; 3.0 |]

        let copied =
            keys
            |> Array.countBy (fun key ->
                let struct (sources, _) = PopulationBased.exploit 0.2 scores key
                sources[1])
            |> Map.ofArray

        Assert.Equal<int list>([ 0; 5 ], copied |> Map.toList |> List.map fst)
        Assert.InRange(copied[0], 2000 - 127, 2000 + 127)

    [<Fact>]
    let ``the fraction is rounded down, and is one at least and half at most`` () =
        for fraction, members, expected in
            [ 0.2, 10, 2; 0.2, 14, 2; 0.2, 15, 3; 0.2, 2, 1; 0.29, 100, 29; 0.5, 7, 3; 0.01, 40, 1 ] do
            Assert.Equal(expected, PopulationBased.truncated fraction members)

        for fraction in [ 0.0; -0.1; 0.6; nan ] do
            Assert.ThrowsAny<ArgumentException>(fun () -> PopulationBased.truncated fraction 10 |> ignore)
            |> ignore

        let refusal = Assert.ThrowsAny<ArgumentException>(fun () -> PopulationBased.truncated 0.2 1 |> ignore)
        Assert.Contains("at least 2", refusal.Message)

    [<Fact>]
    let ``a branch differs in its streams alone, and from every other branch`` () =
        let (AnyCheckpoint checkpoint) = Generate.checkpoint |> Gen.sampleWithSeed (FsCheck.Rnd 7UL) 30 1 |> Array.head
        let state = checkpoint.State
        Assert.NotEmpty state.ActionKeys
        let branches = Array.init 5 (fun index -> PopulationBased.branch index state)
        let keys = Array.append [| state.Key |] (branches |> Array.map _.Key)
        Assert.Equal(keys.Length, (Array.distinct keys).Length)

        for branch in branches do
            Assert.Same(state.Parameters, branch.Parameters)
            Assert.Equal(state.ActionKeys.Length, branch.ActionKeys.Length)
            Assert.Equal({ branch with Key = state.Key; ActionKeys = state.ActionKeys }, state)

            for before, after in Array.zip state.ActionKeys branch.ActionKeys do
                Assert.NotEqual(before, after)
