/// No call may be made as a tail call. Where its arguments have no room in the place of its caller's, the runtime keeps
/// them in a buffer in which the collector does not see the references within spans; while the called method is being
/// compiled, a collection by another thread then leaves spans that point at memory which is no longer theirs.
module Rl.Tests.Foundations.TailCallTests

open System
open System.Collections.Generic
open System.Reflection
open System.Reflection.Emit
open Rl.Core.Environments
open Xunit

/// Every instruction by its number; those of two bytes begin with 0xFE.
let private instructions =
    let codes = Dictionary<int, OpCode>()

    for field in typeof<OpCodes>.GetFields(BindingFlags.Public ||| BindingFlags.Static) do
        let code = field.GetValue null :?> OpCode
        codes[int (uint16 code.Value)] <- code

    codes

/// The bytes of the operand of the instruction that ends before `at`.
let private operandSize (code: OpCode) (bytes: byte[]) (at: int) =
    match code.OperandType with
    | OperandType.InlineNone -> 0
    | OperandType.ShortInlineBrTarget
    | OperandType.ShortInlineI
    | OperandType.ShortInlineVar -> 1
    | OperandType.InlineVar -> 2
    | OperandType.InlineI8
    | OperandType.InlineR -> 8
    | OperandType.InlineSwitch -> 4 + 4 * BitConverter.ToInt32(bytes, at)
    | _ -> 4

let private instructionsOf (bytes: byte[]) =
    let mutable at = 0

    [
        while at < bytes.Length do
            let isLong = bytes[at] = 0xFEuy
            let number = if isLong then 0xFE00 ||| int bytes[at + 1] else int bytes[at]
            at <- at + (if isLong then 2 else 1)
            let code = instructions[number]
            at <- at + operandSize code bytes at
            code
    ]

let private tailCalls (assembly: Assembly) =
    let declared =
        BindingFlags.Public
        ||| BindingFlags.NonPublic
        ||| BindingFlags.Static
        ||| BindingFlags.Instance
        ||| BindingFlags.DeclaredOnly

    let bodies =
        [
            for kind in assembly.GetTypes() do
                for method in kind.GetMethods declared do
                    match method.GetMethodBody() with
                    | null -> ()
                    | body ->
                        match body.GetILAsByteArray() with
                        | null -> ()
                        | bytes -> $"{kind.FullName}.{method.Name}", bytes
        ]

    Assert.True(bodies.Length > 100, $"only {bodies.Length} methods were found")

    [
        for name, bytes in bodies do
            if instructionsOf bytes |> List.contains OpCodes.Tailcall then name
    ]

[<Fact>]
let ``the library makes no tail calls`` () = Assert.Empty(tailCalls typeof<Space>.Assembly)

[<Fact>]
let ``its tests make none`` () = Assert.Empty(tailCalls (Assembly.GetExecutingAssembly()))
