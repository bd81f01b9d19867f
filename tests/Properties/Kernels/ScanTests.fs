/// The backward recurrence of rollouts: its definition at both precisions, and the same bits at every width.
[<FsCheck.Xunit.Properties(Replay = "(4719071,4719073)")>]
module Rl.Tests.Kernels.ScanTests

open System
open System.Runtime.InteropServices
open FsCheck.Xunit
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Tests.Kernels.KernelMemory
open Xunit

/// Flags as bytes at a fixed address, with room around them.
let private bytes (flags: bool[]) : byte[] =
    let store = GC.AllocateArray<byte>(flags.Length + 64, pinned = true)
    flags |> Array.iteri (fun index flag -> if flag then store[index + 3] <- 1uy)
    store

let private address (store: byte[]) = Marshal.UnsafeAddrOfPinnedArrayElement(store, 3)

/// The definition, one number at a time.
let private plain
    columns
    (ratios: float[] option)
    (rewards: float[])
    (values: float[])
    (lastValues: float[])
    (terminated: bool[])
    (truncated: bool[])
    (finalValues: float[])
    =
    let result = Array.zeroCreate<float> rewards.Length

    for at in rewards.Length - 1 .. -1 .. 0 do
        let isLast = at + columns >= rewards.Length
        let cut = truncated[at] && not terminated[at]

        let bootstrap =
            if cut then finalValues[at]
            elif isLast then lastValues[at % columns]
            else values[at + columns]

        let discount = if terminated[at] then 0.0 else 0.96875
        let trace = if terminated[at] || truncated[at] then 0.0 else 0.875
        let ratio = ratios |> Option.map (fun ratios -> ratios[at])
        let weight = ratio |> Option.map (min 1.25) |> Option.defaultValue 1.0
        let factor = ratio |> Option.map (min 1.0) |> Option.defaultValue 1.0
        let following = if isLast then 0.0 else result[at + columns]

        result[at] <- weight * (rewards[at] + discount * bootstrap - values[at]) + discount * trace * factor * following

    result

let private check (seed: int) (rows: int) (columns: int) (withRatios: bool) =
    let size = rows * columns
    let rewards, values = draws seed size, draws (seed + 1) size
    let lastValues = draws (seed + 2) columns
    let flags offset = draws (seed + offset) size |> Array.map (fun draw -> draw > 1.7)
    let terminated, truncated = flags 3, flags 4
    // Where no step was truncated the final value is nothing that may be used.
    let finalValues = draws (seed + 5) size |> Array.mapi (fun at value -> if truncated[at] then value else nan)

    let ratios =
        if withRatios then
            Some(draws (seed + 6) size |> Array.map (fun draw -> abs draw))
        else
            None

    let expected = plain columns ratios rewards values lastValues terminated truncated finalValues
    let dead, cut = bytes terminated, bytes truncated
    let results = Collections.Generic.Dictionary<int, float[]>()

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let block (values: float[]) = Block<'T>(values, 1)
                let result = block (Array.create size 7.0)
                let weights = ratios |> Option.map block

                kernels.Scan
                    {
                        Rows = rows
                        Columns = columns
                        Discount = element 0.96875
                        Trace = element 0.875
                        Rewards = (block rewards).Address
                        Values = (block values).Address
                        LastValues = (block lastValues).Address
                        Terminated = address dead
                        Truncated = address cut
                        FinalValues = (block finalValues).Address
                        Ratios = weights |> Option.map _.Address |> Option.defaultValue 0n
                        RatioClip = element 1.25
                        Result = result.Address
                    }

                close $"{kernels.Name} [{rows}, {columns}]" (1000.0 * epsilon<'T>) expected result.Values

                match results.TryGetValue sizeof<'T> with
                | true, others -> Assert.True(Array.forall2 (fun (a: float) b -> a.Equals b) others result.Values)
                | _ -> results[sizeof<'T>] <- result.Values
        }

[<Property>]
let ``advantages of a rollout follow the recurrence, with the same bits at every width``
    (seed: uint16)
    (rows: byte)
    (columns: byte)
    =
    check (int seed) (1 + int rows % 7) (1 + int columns % 70) false

[<Property>]
let ``V-trace errors of a rollout follow the recurrence, with the same bits at every width``
    (seed: uint16)
    (rows: byte)
    (columns: byte)
    =
    check (int seed) (1 + int rows % 7) (1 + int columns % 70) true
