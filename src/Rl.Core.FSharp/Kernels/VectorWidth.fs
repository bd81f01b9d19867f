/// How wide the vectors are that suit this machine, and the environment variable that says otherwise.
namespace Rl.Core.Kernels

open System
open System.Runtime.Intrinsics
open Rl.Core.Foundations

[<RequireQualifiedAccess>]
module internal VectorWidth =

    /// 512, 256, 128 or 0 bits (no vectors).
    let ofMachine: int =
        if Processor.HasVectors512 then 512
        elif Vector256.IsHardwareAccelerated then 256
        elif Vector128.IsHardwareAccelerated then 128
        else 0

    /// The width that a setting asks for, or ValueNone for a setting that is none; the machine's if it is missing or
    /// empty.
    let parse (setting: string | null) : int voption =
        match setting with
        | null
        | "" -> ValueSome ofMachine
        | "512" -> ValueSome 512
        | "256" -> ValueSome 256
        | "128" -> ValueSome 128
        | "0" -> ValueSome 0
        | _ -> ValueNone

    let private setting = Environment.GetEnvironmentVariable "RL_VECTOR_BITS"

    /// The width of kernels and solvers: what RL_VECTOR_BITS asks for, or the machine's.
    let bits: int = parse setting |> ValueOption.defaultValue ofMachine

    /// Requires RL_VECTOR_BITS to be a width, if it is set. Not done by the initialisation of `bits`, whose failure
    /// would hide its message.
    let check (setting: string | null) : unit =
        if (parse setting).IsNone then
            Guard.fail
                "RL_VECTOR_BITS"
                $"The environment variable RL_VECTOR_BITS is \"{setting}\"; it must be 512, 256, 128 or 0 (no vectors)."

    /// Requires what `check` does of the variable as the process found it.
    let requireValid () : unit = check setting
