/// What a policy and a critic say of a rollout that another policy made.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Learning
open Rl.Core.Networks

/// log π(a|s) and V(s) of all steps of a rollout by any θ, in lanes: the same bits on any number of threads. Recurrent
/// networks go through sequences from the states that the rollout holds. Not thread-safe.
[<Sealed>]
type internal RolloutEvaluation
    (network: ActorCritic, columns: RolloutColumns, copies: int, steps: int, sequence: int, workers: Workers) =
    let length = max 1 sequence
    let units = steps / length * copies
    let layout = ActorCritic.layout network

    let batches =
        let theta = Expr.input "theta" [| layout.Count |]
        let shape = { SampleShape.steps units with Sequence = sequence }
        LaneSums.batches shape [ "network", Parameters.create layout theta ]

    let first lane = lane * units / batches.Length

    let program =
        Program.ofOutputs<float32>(
            [
                for lane, batch in List.indexed batches do
                    let output = Forward.output network columns batch
                    let struct (logProbability, _) = Policy.evaluate network.Head output batch[columns.Actions]
                    $"logProbability {lane}", logProbability
                    $"value {lane}", output.Value
            ]
        )

    let results = [| for lane in 0 .. batches.Length - 1 -> struct (lane, first lane, first (lane + 1)) |]

    /// Row l · units + u of what the program reads is step l of unit u; here is its row in the rollout.
    let rows =
        Array.init (length * units) (fun row ->
            let l, unit = row / units, row % units
            (unit / copies * length + l) * copies + unit % copies)

    let read =
        [ columns.Observations; columns.Actions; columns.Masks; columns.Keep; columns.States ]
        |> List.filter (fun column -> program.HasInput column.Name)

    let fill (samples: Samples) (column: Column) =
        let target = (program.InputMemory column.Name).Span
        let source = ReadOnlySpan<float32>(samples[column])

        if column.Kind = ColumnKind.Step && length > 1 then
            Rows.gather (source, column.Numbers, ReadOnlySpan rows, target)
        else
            source.Slice(0, target.Length).CopyTo target

    let scatter (source: ReadOnlyMemory<float32>) from until (target: float32[]) =
        let source = source.Span
        let number = until - from

        for l in 0 .. length - 1 do
            for unit in 0 .. number - 1 do
                target[rows[l * units + from + unit]] <- source[l * number + unit]

    /// Writes log π(a|s) [T, N] and V(s) [T, N] by θ.
    member _.Run(theta: float32[], samples: Samples, logProbabilities: float32[], values: float32[]) : unit =
        program.Set("theta", ReadOnlySpan theta)

        for column in read do
            fill samples column

        program.Run workers

        for struct (lane, from, until) in results do
            scatter (program.OutputMemory $"logProbability {lane}") from until logProbabilities
            scatter (program.OutputMemory $"value {lane}") from until values
