/// Adam's arithmetic in one pass against the five loops that it stands for, bit for bit.
[<FsCheck.Xunit.Properties(Replay = "(4719049,4719051)")>]
module Rl.Tests.Kernels.MomentTests

open System
open System.Collections.Generic
open Rl.Core.Autodiff
open Rl.Core.Kernels
open Rl.Core.Optimisers
open Rl.Tests.Kernels.KernelMemory
open Xunit
open FsCheck.Xunit

[<Property(MaxTest = 60)>]
let ``one pass has the bits of five`` (size: byte) (seed: byte) (isSquared: bool) (isInPlace: bool) =
    let count, seed = int size, int seed
    let parameters = draws (seed + 600) count
    // Of some, what becomes of the first moment is too small to keep, or nearly.
    let tiny i x = if i % 3 = 0 then x * 1e-30 else x
    let first, gradient = draws seed count |> Array.mapi tiny, draws (seed + 300) count |> Array.mapi tiny
    // Zeros and numbers below the range of the quick square root among them.
    let second = draws (seed + 900) count |> Array.map (fun x -> if x < -1.0 then 0.0 else abs x * 1e-30)
    let square = draws (seed + 1200) count |> Array.map (fun x -> if isSquared then x * x else x)

    everywhere
        { new Law with
            member _.Holds<'T when 'T: unmanaged and 'T :> Numerics.IBinaryFloatingPointIeee754<'T>>
                (kernels: KernelSet<'T>)
                =
                let scalar value = Block<'T>([| value |], 1)
                let decay1, weight1, decay2, weight2 = scalar 0.9, scalar 0.07, scalar 0.999, scalar 2e-4
                let epsilon, rate = scalar 1e-5, scalar -3e-2
                let vector values = Block<'T>(values, seed % 5)
                let fresh () = Block<'T>(Array.zeroCreate count, 3)
                let m, v, theta = vector first, vector second, vector parameters
                let g, s = vector gradient, vector square
                let m0, m1, v1, direction, theta1 = fresh (), fresh (), fresh (), fresh (), fresh ()

                let sum operation (decay: Block<'T>) (x: Block<'T>) (weight: Block<'T>) (y: Block<'T>) (z: Block<'T>) =
                    kernels.Quaternary(
                        operation,
                        decay.Address,
                        true,
                        x.Address,
                        false,
                        weight.Address,
                        true,
                        y.Address,
                        false,
                        z.Address,
                        count
                    )

                let ofSquare =
                    if isSquared then
                        QuaternaryOperation.SumOfProducts
                    else
                        QuaternaryOperation.SumWithSquare

                sum QuaternaryOperation.SumOfProducts decay1 m weight1 g m0
                kernels.Unary(UnaryOperation.FlushToZero, m0.Address, m1.Address, count)
                sum ofSquare decay2 v weight2 s v1

                kernels.Ternary(
                    TernaryOperation.DivideByRoot,
                    m1.Address,
                    false,
                    v1.Address,
                    false,
                    epsilon.Address,
                    true,
                    direction.Address,
                    count
                )

                kernels.Ternary(
                    TernaryOperation.MultiplyAdd,
                    rate.Address,
                    true,
                    direction.Address,
                    false,
                    theta.Address,
                    false,
                    theta1.Address,
                    count
                )

                let m2, v2, theta2 = if isInPlace then m, v, theta else fresh (), fresh (), fresh ()

                let step =
                    {
                        FirstDecay = decay1.Address
                        First = m.Address
                        FirstWeight = weight1.Address
                        Gradient = g.Address
                        NewFirst = m2.Address
                        SecondDecay = decay2.Address
                        Second = v.Address
                        SecondWeight = weight2.Address
                        Square = s.Address
                        IsSquared = isSquared
                        NewSecond = v2.Address
                        Epsilon = epsilon.Address
                        Rate = rate.Address
                        Parameters = theta.Address
                        NewParameters = theta2.Address
                        Count = count
                    }

                kernels.MoveMoments &step
                identical $"{kernels.Name}: first moments" m1.Elements m2.Elements
                identical $"{kernels.Name}: second moments" v1.Elements v2.Elements
                identical $"{kernels.Name}: parameters" theta1.Elements theta2.Elements
        }

[<Theory; InlineData 0.0; InlineData 0.5>]
let ``Adam's update is one pass, whether or not its gradients are clipped`` (maximum: float) =
    let count = 37
    let theta, gradient = Expr.input "theta" [| count |], Expr.input "gradient" [| count |]
    let adam = Optimiser.adam (Schedule.input "learningRate") 1e-5

    let transform =
        if maximum > 0.0 then
            Transform.chain [ Transform.clipByGlobalNorm maximum; adam ]
        else
            adam

    let state = Optimiser.inputs "optimiser." count transform
    let struct (moved, newState) = Optimiser.update transform gradient state theta
    let program = Program.compile<float32> { Outputs = []; Carried = (theta, moved) :: List.zip state newState }
    Assert.Contains("in one pass", program.Explain())

/// An update of Adam's form, of more elements than a block has, and its operands.
let private update (second: Expr -> Expr) =
    let vector name = Expr.input name [| 5000 |]
    let m = Expr.flushToZero (0.9 * vector "m" + 0.1 * vector "g")
    let v = 0.99 * vector "v" + 0.01 * second m
    m, v, vector "theta" + -0.5 * (m / (Expr.sqrt v + 0.25))

let private runs (outputs: (string * Expr) list) (name: string) =
    let program = Program.ofOutputs<float32> outputs

    for input, seed in [ "m", 1; "g", 2; "v", 3; "theta", 4 ] do
        if program.HasInput input then
            program.Set(input, ReadOnlySpan(draws seed 5000 |> Array.map (abs >> float32)))

    program.Run()
    (program.Output name).ToArray()

[<Fact>]
let ``moments that nobody keeps are not written anywhere`` () =
    let m, v, theta = update (fun _ -> Expr.square (Expr.input "g" [| 5000 |]))
    let all = [ "m", m; "v", v; "theta", theta ]
    let expected = runs all "theta"

    for kept in [ [ "theta", theta ]; [ "m", m; "theta", theta ]; [ "v", v; "theta", theta ] ] do
        Assert.Equal<float32[]>(expected, runs kept "theta")

[<Fact>]
let ``a second moment of the new first one reads the new one`` () =
    let m, v, theta = update Expr.square
    let expected = Array.map2 (fun v m -> 0.99 * abs v + 0.01 * m * m) (draws 3 5000)
    let all = [ "m", m; "v", v; "theta", theta ]
    let moments = runs all "m" |> Array.map float
    close "second moment" 1e-6 (expected moments) (runs all "v" |> Array.map float)

let private valueOf (inputs: Dictionary<string, float[]>) (value: Expr) =
    let tensors = [ for input in inputs -> input.Key, Tensor.create [| input.Value.Length |] input.Value ]
    (Reference.evaluateWith tensors value).ToArray()

/// θ with gradients of two lanes before it and a target that follows it.
let private followed () =
    let vector name = Expr.input name [| 5000 |]
    let gradient = vector "a" + vector "b"
    let m = Expr.flushToZero (0.9 * vector "m" + 0.1 * gradient)
    let v = 0.99 * vector "v" + 0.01 * Expr.square gradient
    let theta = vector "theta" + -0.5 * (m / (Expr.sqrt v + 0.25))
    let target = vector "target" + 0.1 * (theta - vector "target")
    let norm = Expr.sum (Expr.square gradient)
    [ "m", m; "v", v; "theta", theta; "target", target; "norm", norm ]

[<Fact>]
let ``what comes before moments and after them joins their pass`` () =
    let outputs = followed ()
    let names = [ "a"; "b"; "m"; "v"; "theta"; "target" ]
    let values = names |> List.mapi (fun i name -> name, draws i 5000 |> Array.map abs)

    let program =
        let carried = [ for name, value in outputs[..3] -> Expr.input name [| 5000 |], value ]
        Program.compile<float32> { Outputs = [ outputs[4] ]; Carried = carried }

    Assert.Contains("in one pass", program.Explain())
    Assert.Contains("sum of squares [5000]", program.Explain())
    let state = Dictionary(dict values)

    for name, value in values do
        program.Set(name, ReadOnlySpan(Array.map float32 value))

    // Twice, so that what is carried is where it belongs.
    for _ in 1..2 do
        program.Run()

        let moved = [ for name, value in outputs -> name, valueOf state value ]

        for name, expected in moved do
            let actual =
                if name = "norm" then
                    program.Output(name).ToArray()
                else
                    program.Input(name).ToArray()

            close name 1e-4 expected (Array.map float actual)
            state[name] <- expected

[<Fact>]
let ``a loop whose later operations read a register of the moments stays whole`` () =
    let vector name = Expr.input name [| 5000 |]
    let m = Expr.flushToZero (0.9 * vector "m" + 0.1 * vector "g")
    let v = 0.99 * vector "v" + 0.01 * Expr.square (vector "g")
    let direction = m / (Expr.sqrt v + 0.25)
    let theta = vector "theta" + -0.5 * direction
    let all = [ "m", m; "v", v; "theta", theta; "further", theta + Expr.abs direction ]
    let program = Program.ofOutputs<float32> all
    let values = [ for name in [ "m"; "g"; "v"; "theta" ] -> name, draws name.Length 5000 |> Array.map abs ]

    for name, value in values do
        program.Set(name, ReadOnlySpan(Array.map float32 value))

    program.Run()

    for name, value in all do
        close name 1e-5 (valueOf (Dictionary(dict values)) value) (program.Output(name).ToArray() |> Array.map float)

[<Fact>]
let ``squares of rows are added up row by row`` () =
    let x = Expr.input "x" [| 70; 3 |]
    let rows, whole = Expr.sumOver [| 0 |] (Expr.square x), Expr.sum (Expr.square x)
    let program = Program.ofOutputs<float32> [ "rows", rows; "whole", whole ]
    let values = draws 4 210
    program.Set("x", ReadOnlySpan(Array.map float32 values))
    program.Run()
    let expected = Array.init 3 (fun column -> Seq.sum (seq { for row in 0..69 -> values[3 * row + column] ** 2.0 }))
    close "rows" 1e-5 expected (program.Output("rows").ToArray() |> Array.map float)
    close "whole" 1e-5 [| Array.sum expected |] (program.Output("whole").ToArray() |> Array.map float)
