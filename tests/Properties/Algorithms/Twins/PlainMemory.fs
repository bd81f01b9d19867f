/// What the twins that learn from replayed steps remember: a list of steps in place of a memory, and its priorities.
namespace Rl.Tests.Algorithms.Twins

open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// A remembered step.
type PlainTransition =
    {
        State: float[]
        Action: float[]
        Reward: float
        Terminated: bool
        /// The last step of its episode.
        Ended: bool
        /// What the step led to: at an episode's end the true last observation.
        Next: float[]
        /// What is possible there; empty where all is, or where nobody knows.
        NextMask: bool[]
        /// The recurrent state before it was seen; empty without one.
        Memory: float[]
    }

/// Remembered steps of N copies, the oldest first: step by step, within a step copy by copy.
type PlainMemory = { Copies: int; Capacity: int; Steps: PlainTransition list }

[<RequireQualifiedAccess>]
module PlainMemory =

    let private column (replay: Replay) name =
        match replay.Columns |> List.tryFind (fun column -> column.Name = name) with
        | None -> None
        | Some column ->
            let values = (Replay.take (Array.init replay.Count id) replay)[column]
            Some(fun row -> Array.sub values (row * column.Numbers) column.Numbers |> Array.map float)

    /// What a state remembers.
    let ofReplay (replay: Replay) : PlainMemory =
        let get name = (column replay name).Value
        let masks = column replay "nextMasks"
        let states = column replay "states" |> Option.defaultValue (fun _ -> [||])

        {
            Copies = replay.Copies
            Capacity = replay.Capacity
            Steps =
                [
                    for row in 0 .. replay.Count - 1 do
                        let terminated = (get "continues" row)[0] = 0.0

                        {
                            State = get "observations" row
                            Action = get "actions" row
                            Reward = (get "rewards" row)[0]
                            Terminated = terminated
                            Ended = (get "ends" row)[0] <> 0.0
                            Next = get "nextObservations" row
                            NextMask =
                                match masks with
                                | Some mask when not terminated -> mask row |> Array.map ((=) 1.0)
                                | _ -> [||]
                            Memory = states row
                        }
                ]
        }

    /// With further steps; the oldest beyond the capacity are forgotten.
    let add (steps: PlainTransition list) (memory: PlainMemory) : PlainMemory =
        let all = memory.Steps @ steps
        { memory with Steps = List.skip (max 0 (all.Length - memory.Capacity)) all }

    /// Rows drawn with equal probability, and the stream that follows.
    let draw size (memory: PlainMemory) (key: Rng) : int[] * Rng =
        [| 1..size |]
        |> Array.mapFold
            (fun key _ ->
                let struct (row, key) = Rng.below memory.Steps.Length key
                row, key)
            key

    /// Up to n steps of one copy from a row on, within its episode.
    let ahead steps (memory: PlainMemory) (row: int) : PlainTransition list =
        let all = Array.ofList memory.Steps
        let own = [ for index in row .. memory.Copies .. all.Length - 1 -> all[index] ]
        let within = own |> List.tryFindIndex _.Ended |> Option.map ((+) 1) |> Option.defaultValue own.Length
        List.truncate (min steps within) own

/// Priorities by slot: step i ever remembered has slot i mod capacity. The newest `delay` steps have none yet. Numbers
/// are kept as float32.
[<Sealed>]
type PlainPriorities(exponent: float, capacity: int, delay: int, state: TrainingState) =
    let slots, largest =
        if exponent > 0.0 then
            let kept = state.Array "priorities" |> Array.map float
            kept[.. capacity - 1], kept[capacity]
        else
            [||], 0.0

    let single (x: float) = float (float32 x)
    let mutable largest = largest
    let mutable appended = state.Replay.Value.Appended

    let slot (memory: PlainMemory) row = int ((appended - int64 memory.Steps.Length + int64 row) % int64 capacity)

    /// Of all steps.
    new(exponent, capacity, state) = PlainPriorities(exponent, capacity, 0, state)

    /// New steps get the largest priority so far, once they are not of the newest.
    member _.Add(steps: PlainTransition list) : unit =
        for _ in steps do
            if exponent > 0.0 then
                slots[int (appended % int64 capacity)] <- 0.0

                if appended >= int64 delay then
                    slots[int ((appended - int64 delay) % int64 capacity)] <- single (largest ** exponent)

            appended <- appended + 1L

    /// Draw b comes from the b-th of as many equal parts of the sum: rows, weights of exponent β over their largest,
    /// and the stream that follows.
    member _.Draw(size: int, memory: PlainMemory, correction: float, key: Rng) : int[] * float[] * Rng =
        let sums = Array.scan (+) 0.0 slots
        let total = Array.last sums

        let rows, key =
            [| 0 .. size - 1 |]
            |> Array.mapFold
                (fun key draw ->
                    let struct (u, key) = Rng.uniform key
                    let point = (float draw + u) / float size * total
                    let chosen = Seq.findIndex (fun sum -> sum > point) (Seq.skip 1 sums)
                    Seq.findIndex (fun row -> slot memory row = chosen) (seq { 0 .. memory.Steps.Length - 1 }), key)
                key

        let weight row = (float memory.Steps.Length * slots[slot memory row] / total) ** -correction
        let weights = Array.map weight rows
        rows, weights |> Array.map (fun weight -> weight / Array.max weights), key

    /// |δ| + 10⁻⁶ to the power α.
    member _.Set(memory: PlainMemory, rows: int[], errors: float[]) : unit =
        for row, error in Array.zip rows errors do
            let priority = single (abs error + 1e-6)
            largest <- max largest priority
            slots[slot memory row] <- single ((abs error + 1e-6) ** exponent)

    /// What a state keeps.
    member _.Arrays: (string * float[]) list =
        if exponent > 0.0 then
            [ "priorities", Array.append slots [| largest |] ]
        else
            []
