/// Made-up episodes of several copies, as a replay remembers them: what the tests of replays draw from.
module internal Rl.Tests.Experience.ReplayEpisodes

#nowarn "3391" // arrays convert to spans

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Training
open Xunit

/// Four numbers of an observation: the copy and step, a goal that is achieved, one that is desired.
let columns = TransitionColumns.ofSizes 4 2

let compactOf storage : ReplayPlan =
    let keep (column: Column) =
        if column = columns.Observations then
            { Column = column; Storage = storage; NextOf = None }
        elif column = columns.NextObservations then
            { Column = column; Storage = storage; NextOf = Some columns.Observations }
        else
            { Column = column; Storage = ColumnStorage.Singles; NextOf = None }

    { Columns = List.map keep columns.All; Ends = Some columns.Ends }

let compact = compactOf ColumnStorage.Singles
let plain = { ReplayPlan.plain columns.All with Ends = Some columns.Ends }

/// A step as it was made; where it ends an episode, what it led to is not what comes next.
type Step =
    {
        Observation: float32[]
        Reward: float32
        Next: float32[]
        Terminated: bool
        Truncated: bool
        /// Which episode of its copy.
        Episode: int
    }

let isLast step = step.Terminated || step.Truncated

/// `count` rounds of steps of N copies, drawn; by row.
let walk copies rounds (key: Rng) : Step[] =
    let mutable key = key

    let draw bound =
        let struct (value, next) = Rng.below bound key
        key <- next
        value

    let observation () = Array.init 4 (fun _ -> float32 (draw 256))
    let present = Array.init copies (fun _ -> observation ())
    let episode = Array.zeroCreate<int> copies

    [|
        for _ in 1..rounds do
            for copy in 0 .. copies - 1 do
                let next = observation ()
                let outcome = draw 6

                let step =
                    {
                        Observation = present[copy]
                        Reward = float32 (draw 9 - 4)
                        Next = next
                        Terminated = (outcome = 0)
                        Truncated = (outcome = 1)
                        Episode = episode[copy]
                    }

                present[copy] <- if isLast step then observation () else next
                if isLast step then episode[copy] <- episode[copy] + 1
                step
    |]

let flag value = if value then 1.0f else 0.0f

let data (steps: Step[]) =
    [
        columns.Observations, steps |> Array.collect _.Observation
        columns.Actions, steps |> Array.collect (fun step -> [| step.Reward; -step.Reward |])
        columns.Rewards, steps |> Array.map _.Reward
        columns.Continues, steps |> Array.map (fun step -> flag (not step.Terminated))
        columns.NextObservations, steps |> Array.collect _.Next
        columns.Ends, steps |> Array.map (fun step -> flag (isLast step))
    ]

let read (replay: Replay) (column: Column) (rows: int[]) =
    let values = Array.zeroCreate<float32>(rows.Length * column.Numbers)
    replay.Read(column, rows, values)
    values

let every (replay: Replay) = Array.init replay.Count id

/// Whether a replay holds these steps, all of each.
let holds (replay: Replay) (steps: Step[]) =
    replay.Count = steps.Length
    && data steps |> List.forall (fun (column, values) -> read replay column (every replay) = values)

let newest capacity (steps: Step[]) = Array.skip (max 0 (steps.Length - capacity)) steps
