/// Recorded episodes as transitions: what comes out is what was recorded, the same data has the same fingerprint, and
/// what does not fit is refused by source, episode and step.
[<FsCheck.Xunit.Properties(Replay = "(5719071,4719077)", MaxTest = 60)>]
module Rl.Tests.Experience.RecordedReplayTests

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Xunit

/// What is observed and done: choices that do not begin at 0, bits, numbers within bounds and without.
let observations = Space.dict [ "shown", Space.discreteFrom 3 4; "place", Space.boxOf -2.0 6.0 [| 2 |] ]

let actions =
    Space.tuple
        [
            Space.discreteFrom 5 3
            Space.multiDiscreteFrom [| 1; -2 |] [| 2; 3 |]
            Space.multiBinary [| 2 |]
            Space.box [| -2.0; 0.0 |] [| 2.0; 10.0 |] [| 2 |]
        ]

let map = Policy.actionMap ActionScaling.Bounds actions

/// Episodes of 1 to 6 steps with values drawn from the spaces.
let episodes (count: int) (key: Rng) : RecordedEpisode list =
    let mutable key = key

    let sample (space: Space) rows =
        let values = Array.zeroCreate<float32>(rows * space.Size)

        for row in 0 .. rows - 1 do
            key <- space.Sample(key, Span(values, row * space.Size, space.Size))

        values

    [
        for _ in 1..count do
            let struct (length, next) = Rng.below 6 key
            let struct (ending, next) = Rng.below 3 next
            key <- next
            let steps = length + 1

            {
                Observations = sample observations (steps + 1)
                Actions = sample actions steps
                Rewards = Array.init steps (fun step -> float (step * count - 3))
                Terminated = ending <> 1
                Truncated = ending > 0
            }
    ]

let replayOf episodes = RecordedReplay.ofEpisodes observations actions map "the data" episodes
let columns = RecordedReplay.columns observations actions

let private encoded (episode: RecordedEpisode) step =
    let values = Array.zeroCreate<float32>(Encoding.size observations)
    let size = observations.Size
    Encoding.encode observations false (ReadOnlySpan(episode.Observations, step * size, size)) values
    values

[<Property>]
let ``transitions are the steps that were recorded`` (seed: uint64, count: byte) =
    let episodes = episodes (int count % 7 + 1) (Rng.create seed)
    let replay = replayOf episodes

    let read (column: Column) row =
        let values = Array.zeroCreate<float32> column.Numbers
        replay.Read(column, ReadOnlySpan [| row |], values)
        values

    let steps =
        [
            for episode in episodes do
                for step in 0 .. episode.Steps - 1 -> episode, step
        ]

    Assert.Equal(steps.Length, replay.Count)
    Assert.Equal(replay.Count, replay.Capacity)

    for row, (episode, step) in List.indexed steps do
        let isLast = step = episode.Steps - 1
        let number column = (read column row)[0]
        Assert.Equal<float32[]>(encoded episode step, read columns.Observations row)
        Assert.Equal<float32[]>(encoded episode (step + 1), read columns.NextObservations row)
        Assert.Equal(float32 episode.Rewards[step], number columns.Rewards)
        Assert.Equal((if isLast && episode.Terminated then 0.0f else 1.0f), number columns.Continues)
        Assert.Equal((if isLast then 1.0f else 0.0f), number columns.Ends)
        Assert.Equal(step, replay.Step row)
        let back = Array.zeroCreate<float32> actions.Size
        Policy.toEnvironment map actions (read columns.Actions row) back

        for index in 0 .. actions.Size - 1 do
            Assert.True(abs (back[index] - episode.Actions[step * actions.Size + index]) <= 1e-5f)

    let bounds = RecordedReplay.episodes replay

    Assert.Equal<int>(
        [ for episode in episodes -> episode.Steps ],
        [ for struct (first, last) in bounds -> last - first + 1 ]
    )

[<Property>]
let ``what the policy's action makes of the environment's is undone`` (seed: uint64) =
    let policy = Array.zeroCreate<float32> actions.Size
    let action = Array.zeroCreate<float32> actions.Size
    actions.Sample(Rng.create seed, Span action) |> ignore
    Policy.ofEnvironment map actions action policy
    // Choices are counted from 0, and numbers lie within (−1, 1).
    Assert.True(policy[0] >= 0.0f && policy[0] < 3.0f && policy[2] >= 0.0f && policy[2] < 3.0f)
    Assert.True(abs policy[5] <= 1.0f && abs policy[6] <= 1.0f)
    let back = Array.zeroCreate<float32> actions.Size
    Policy.toEnvironment map actions policy back
    Array.forall2 (fun (a: float32) b -> abs (a - b) <= 1e-5f) action back

[<Property>]
let ``the same data has the same fingerprint, and other data another`` (seed: uint64) =
    let recorded = episodes 5 (Rng.create seed)
    let fingerprint list = RecordedReplay.fingerprint (replayOf list)
    let own = fingerprint recorded
    Assert.Equal(own, fingerprint recorded)
    Assert.NotEqual(own, fingerprint (List.rev recorded))
    Assert.NotEqual(own, fingerprint (List.tail recorded))
    let first = recorded.Head
    let changed episode = fingerprint (episode :: recorded.Tail)
    let with' (values: float32[]) index value = Array.mapi (fun i x -> if i = index then value else x) values
    // The last observation, which no row has as its own, too.
    let shown = first.Observations.Length - 1
    Assert.NotEqual(own, changed { first with Observations = with' first.Observations shown 5.5f })
    Assert.NotEqual(own, changed { first with Observations = with' first.Observations 1 5.5f })
    Assert.NotEqual(own, changed { first with Rewards = Array.map ((+) 1.0) first.Rewards })
    Assert.NotEqual(own, changed { first with Terminated = not first.Terminated; Truncated = true })

[<Fact>]
let ``the fingerprint of bits is that of the data, whatever lies between them in memory`` () =
    let space, choice = Space.discrete 5, Space.discrete 2

    let replay () =
        // Memory that was used for something else.
        for _ in 1..50 do
            Array.create 100_000 (byte (Random.Shared.Next 256)) |> ignore

        let episode =
            {
                Observations = [| 1.0f; 4.0f; 2.0f |]
                Actions = [| 0.0f; 1.0f |]
                Rewards = [| 1.0; 2.0 |]
                Terminated = true
                Truncated = false
            }

        RecordedReplay.ofEpisodes space choice ActionMap.identity "the data" [ episode; episode ]

    let prints = [ for _ in 1..20 -> RecordedReplay.fingerprint (replay ()) ]
    Assert.Single(List.distinct prints) |> ignore

[<Property>]
let ``statistics are those of all steps`` (seed: uint64) =
    let recorded = episodes 9 (Rng.create seed)
    let replay = replayOf recorded

    let shown =
        [|
            for episode in recorded do
                for step in 0 .. episode.Steps - 1 -> encoded episode step
        |]

    let found = RecordedReplay.observationStatistics columns replay

    for index in 0 .. Encoding.size observations - 1 do
        let values = shown |> Array.map (fun row -> float row[index])
        let mean = Array.average values
        let variance = values |> Array.averageBy (fun value -> (value - mean) ** 2.0)
        Assert.Equal(mean, found.Mean[index], 1e-6)
        Assert.Equal(variance, RunningStatistics.variance index found, 1e-4)

    let returns =
        [|
            for episode in recorded do
                yield! Array.scan (fun sum reward -> 0.5 * sum + reward) 0.0 episode.Rewards |> Array.tail
        |]

    let mean = Array.average returns
    let ofReturns = RecordedReplay.returnStatistics columns 0.5 replay
    Assert.Equal(mean, ofReturns.Mean[0], 1e-6)

    Assert.Equal(
        returns |> Array.averageBy (fun value -> (value - mean) ** 2.0),
        RunningStatistics.variance 0 ofReturns,
        1e-4
    )

[<Fact>]
let ``observations are kept once, and a stream is read once`` () =
    let mutable read = 0

    let stream =
        seq {
            for episode in episodes 40 (Rng.create 3UL) do
                read <- read + 1
                yield episode
        }

    let replay = replayOf stream
    Assert.Equal(40, read)
    // Only what ends an episode is kept apart of the rows.
    let apart =
        [
            for row in 1 .. replay.Count - 1 do
                if replay.ApartNumber row > 0 then row
        ]

    Assert.Equal(39, apart.Length)
    Assert.All(apart, (fun row -> Assert.Equal(0, replay.Step row)))

[<Fact>]
let ``more rows may come after those of the data, and nothing of it is lost`` () =
    let replay = replayOf (episodes 3 (Rng.create 4UL))
    let longer = Replay.withCapacity (2 * replay.Count) replay
    let more = replayOf (episodes 2 (Rng.create 5UL))
    let data = more.Columns |> List.map (fun column -> column, more.All column)
    let grown = Replay.append data longer
    Assert.Equal(replay.Count + more.Count, grown.Count)

    Assert.Equal<float32[]>(
        replay.All columns.Actions,
        Array.truncate (replay.All columns.Actions).Length (grown.All columns.Actions)
    )

    Assert.Throws<ArgumentOutOfRangeException>(fun () -> Replay.withCapacity (replay.Count - 1) replay |> ignore)

let private refused (episode: RecordedEpisode) : string =
    let good = (episodes 1 (Rng.create 6UL)).Head

    Assert
        .Throws<ArgumentException>(fun () ->
            RecordedReplay.ofEpisodes observations actions map "walks.csv" [ good; episode ] |> ignore)
        .Message

let private one =
    {
        Observations = [| 3.0f; 0.0f; 0.0f; 4.0f; 1.0f; 1.0f; 5.0f; 2.0f; 2.0f |]
        Actions =
            Array.concat
                [ [| 5.0f; 1.0f; -2.0f; 0.0f; 1.0f; 1.0f; 3.0f |]; [| 7.0f; 2.0f; 0.0f; 1.0f; 1.0f; 0.0f; 9.0f |] ]
        Rewards = [| 1.0; 2.0 |]
        Terminated = false
        Truncated = true
    }

[<Fact>]
let ``what does not fit is refused by source, episode and step`` () =
    let contains (part: string) (message: string) = Assert.Contains(part, message)

    refused { one with Observations = Array.sub one.Observations 0 6 }
    |> contains "Episode 1 of walks.csv"

    refused { one with Observations = Array.sub one.Observations 0 6 } |> contains "T + 1 observations"
    let notFinite values index = Array.mapi (fun i x -> if i = index then nanf else x) values
    refused { one with Observations = notFinite one.Observations 4 } |> contains "step 1"
    refused { one with Actions = notFinite one.Actions 12 } |> contains "actions at step 1"
    refused { one with Rewards = [| nan; 1.0 |] } |> contains "rewards at step 0"
    refused { one with Truncated = false } |> contains "neither terminated nor truncated"
    refused { one with Rewards = [||] } |> contains "has no step"
    let outside = Array.mapi (fun i x -> if i = 13 then 10.5f else x) one.Actions
    refused { one with Actions = outside } |> contains "at step 1; it lies outside"

    let none =
        Assert.Throws<ArgumentException>(fun () ->
            RecordedReplay.ofEpisodes observations actions map "walks.csv" [] |> ignore)

    contains "walks.csv has no episode" none.Message

[<Fact>]
let ``spaces in the place of an environment cannot be stepped, and say so`` () =
    let spaces = RecordedSpaces(observations, actions)
    let buffers = spaces.AllocateBuffers()

    let error =
        Assert.Throws<InvalidOperationException>(fun () ->
            spaces.StepAll(ReadOnlySpan(Array.zeroCreate<float32> actions.Size), buffers))

    Assert.Contains("Give an environment", error.Message)
    spaces.Restore(spaces.Capture())
    Assert.Throws<ArgumentException>(fun () -> spaces.Restore { spaces.Capture() with EnvironmentId = "CartPole-v1" })
